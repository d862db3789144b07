"""A study: many runs that survive an interruption, and what is read off them.

A run is a dict of what identifies it and what was measured; a file holds one run in
JSON a line, so that what is there already need not be run again.
"""

import json
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm


def run_study(function, jobs, path, *, n_jobs=1, title=None):
    """Call ``function(**job)`` for the jobs whose results are not in the file yet.

    Parameters
    ----------
    function : callable
        Returns a dict that JSON can hold.
    jobs : list of dict
        Their values must be equal after a way through JSON.
    path : path-like
        Of the file of results, which is made or continued.
    n_jobs : int
        Worker processes.
    title : str, optional
        Of the progress bar.

    Returns
    -------
    list of dict
        Job and results of each of the jobs, in their order.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {_key(run["job"]): run for run in _read(path)}
    todo = [job for job in jobs if _key(job) not in done]
    runs = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        delayed(_call)(function, job) for job in todo
    )
    progress = tqdm(runs, total=len(jobs), initial=len(jobs) - len(todo), desc=title)
    with path.open("a", encoding="utf-8") as file:
        for run in progress:
            done[_key(run["job"])] = run
            # One write a run: an interruption leaves at most one line unfinished.
            file.write(json.dumps(run) + "\n")
            file.flush()
    return [done[_key(job)] for job in jobs]


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
            runs.append(json.loads(line))
        except json.JSONDecodeError:
            # The line that an interruption cut short; its run is repeated.
            continue
    if text and not text.endswith("\n"):
        path.write_text("".join(json.dumps(run) + "\n" for run in runs), "utf-8")
    return runs


def mean_and_std(values, digits=3):
    """``mean ± standard deviation`` as text; empty where nothing was measured."""
    values = np.array([value for value in values if value is not None], dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        return ""
    return f"{values.mean():.{digits}f} ± {values.std():.{digits}f}"


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
