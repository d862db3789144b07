"""A study: many runs that survive an interruption, and what is read off them.

A run is a dict of what identifies it, what was measured, and the versions it was
measured with; a file holds one run in JSON a line, so that what is there already need
not be run again.
"""

import json
import sys
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm


def run_study(function, jobs, path, *, versions, n_jobs=1, title=None):
    """Call ``function(**job)`` for the jobs whose results are not in the file yet.

    Parameters
    ----------
    function : callable
        Returns what JSON can hold. With several `n_jobs` it must be importable, not of
        the script itself: workers would get a copy of what it refers to.
    jobs : list of dict
        Their values must be equal after a way through JSON.
    path : path-like
        Of the file of results, which is made or continued.
    versions : str
        Line that is stored with each new run. Runs in the file that have another one
        are used all the same, and counted on standard error.
    n_jobs : int
        Worker processes.
    title : str, optional
        Of the progress bar.

    Returns
    -------
    list of dict
        ``job``, ``result`` and, unless the file is older than that, ``versions`` of
        each of the jobs, in their order.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {_key(run["job"]): run for run in _read(path)}
    todo = [job for job in jobs if _key(job) not in done]
    found = [done[_key(job)] for job in jobs if _key(job) in done]
    if others := of_other_versions(found, versions):
        print(
            f"{path}: {others} of the {len(found)} runs that are there already are of "
            f"other versions than {versions}. They are used all the same; remove the "
            "file, or their lines, to repeat them.",
            file=sys.stderr,
        )
    runs = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        delayed(_call)(function, job) for job in todo
    )
    progress = tqdm(runs, total=len(jobs), initial=len(jobs) - len(todo), desc=title)
    with path.open("a", encoding="utf-8") as file:
        for run in progress:
            run["versions"] = versions
            done[_key(run["job"])] = run
            # One write a run: an interruption leaves at most one line unfinished.
            file.write(json.dumps(run) + "\n")
            file.flush()
    return [done[_key(job)] for job in jobs]


def of_other_versions(runs, versions):
    """How many runs were measured with other versions, or unknown ones."""
    return sum(run.get("versions") != versions for run in runs)


def provenance(runs, versions):
    """The versions line of a table, which tells of runs that have another one."""
    others = of_other_versions(runs, versions)
    if not others:
        return versions
    return f"{versions}; {others} of {len(runs)} runs are of other versions"


def _call(function, job):
    return {"job": job, "result": function(**job)}


def _key(job):
    return json.dumps(job, sort_keys=True)


def _read(path):
    if not path.exists():
        return []
    runs = []
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        try:
            run = json.loads(line)
        except json.JSONDecodeError:
            # The line that an interruption cut short; its run is repeated.
            continue
        # What is left of a line may be a number, too.
        if isinstance(run, dict) and {"job", "result"} <= run.keys():
            runs.append(run)
    if text and not text.endswith("\n"):
        path.write_text("".join(json.dumps(run) + "\n" for run in runs), "utf-8")
    return runs


def chosen(measurements, by="held_out"):
    """The measurement with the highest score; the only one if it has none."""
    return max(measurements, key=lambda measured: measured.get(by, 0.0))


def mean_and_std(values, digits=3):
    """``mean ± standard deviation`` as text; empty where nothing was measured."""
    values = np.array([value for value in values if value is not None], dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        return ""
    return f"{values.mean():.{digits}f} ± {values.std():.{digits}f}"


def publish(text, path):
    """Write what a study found to a file, and print it."""
    path.write_text(text, encoding="utf-8")
    print(text)


def markdown(header, rows):
    """A Markdown table.

    Parameters
    ----------
    header : list of str
    rows : list of lists of str

    Returns
    -------
    str
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
