"""Feed mutated files to the readers of files, led by what code they reach.

``python tests/fuzz/readers.py NAME SECONDS`` for one reader, or ``all`` for SECONDS of
each of them, one after the other in processes of their own; without arguments it names
them. It needs atheris: see ``requirements-fuzz.txt``. A file that makes a reader raise
anything but an error that says what to do, or crash, is written to the folder
``fuzz/NAME`` along with the traceback; those that found new code are kept there for the
next run.
"""

import subprocess
import sys
from pathlib import Path

# Beside this folder: what the property tests use as well.
sys.path.insert(0, str(Path(__file__).parents[1]))

_FOLDER = Path("fuzz")
_MOST_MEGABYTES = 6000


def main(arguments):
    """Run what the command line says; the exit status is that of the worst reader."""
    if len(arguments) != 2:
        from file_readers import readers

        print(__doc__)
        print("Readers:", ", ".join(["all", *readers()]))
        return 2
    name, seconds = arguments
    if name != "all":
        return _fuzz(name, seconds)
    from file_readers import readers

    command = [sys.executable, __file__]
    statuses = {
        each: subprocess.run([*command, each, seconds], check=False).returncode
        for each in readers()
    }
    for each, status in statuses.items():
        print(f"{each}: {'passed' if status == 0 else f'FAILED, see {_FOLDER}/{each}'}")
    return max(map(abs, statuses.values()))


def _fuzz(name, seconds):
    """Mutate the valid file of a reader for so long; does not return."""
    import atheris

    with atheris.instrument_imports(include=["skccem"], enable_loader_override=False):
        from file_readers import readers, valid_file
    from strategies import outcome

    read = readers()[name]
    folder = _FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    seed = valid_file(name)
    (folder / "valid").write_bytes(seed)

    def test_one_input(content):
        outcome(read, content, kinds=(ValueError, OSError))

    options = [
        f"-max_total_time={seconds}",
        f"-max_len={2 * len(seed) + 100}",
        f"-rss_limit_mb={_MOST_MEGABYTES}",
        "-timeout=60",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/crash-",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
