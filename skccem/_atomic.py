"""Files that are written whole or not at all."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

# A full disk, a used up quota, a file larger than is allowed.
_NO_ROOM = [errno.ENOSPC, errno.EFBIG]
# Windows has no quotas of this kind.
_NO_ROOM += [errno.EDQUOT] if hasattr(errno, "EDQUOT") else []


def write_files(writers):
    """Write files, all of them or none.

    Each is written to a temporary file in its own directory and reaches the disk before
    any takes its name, so that an error leaves what was there before as it was. Only a
    crash between two renames can leave some old and some new. A file that is replaced
    keeps its permissions, and a new one has those of any new file. Directories that are
    not there are made, and removed again after an error.

    Parameters
    ----------
    writers : dict of path to callable
        The callable writes the content to the path that it is given, which has the
        suffix of the final one. They are called in order.

    Raises
    ------
    OSError
        If a path cannot be written to, or there is no room.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skccem._atomic import write_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "new" / "greeting.txt"
    ...     write_files({path: lambda temporary: temporary.write_text("hello")})
    ...     path.read_text()
    'hello'
    """
    staged, new_directories = [], []
    try:
        for path, write in writers.items():
            check_writable(path)
            # A link keeps pointing to the file that it names.
            target = Path(os.path.realpath(path))
            new_directories += _make_directories(target.parent)
            name = f".{target.stem}-{secrets.token_hex(8)}{target.suffix}"
            temporary = target.with_name(name)
            staged.append((temporary, target))
            temporary.touch(exist_ok=False)
            mode = (target if target.exists() else temporary).stat().st_mode
            _fill(temporary, write, target)
            # Some libraries make files that only their owner can read.
            os.chmod(temporary, mode & 0o777)
        for temporary, target in staged:
            os.replace(temporary, target)
        if hasattr(os, "O_DIRECTORY"):
            for directory in {target.parent for _, target in staged}:
                _flush(directory, os.O_RDONLY)
        new_directories.clear()
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)
        for directory in reversed(new_directories):
            # Unless others have put something there meanwhile.
            with suppress(OSError):
                directory.rmdir()


def _make_directories(directory):
    """Make a directory and those above it; those that are new, the outermost first."""
    missing = [place for place in (directory, *directory.parents) if not place.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def check_writable(path):
    """Raise if a file cannot be written, before the work that it is to hold.

    Parameters
    ----------
    path : path-like
        Of a file that may or may not exist, in a directory that may not exist either.

    Raises
    ------
    OSError
        If the path is that of a directory or a device, or is not to be written to.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise OSError(
            f"Expected the path of a file to write, got {path}, which is a "
            f"{'directory' if path.is_dir() else 'device or pipe'}. Name a file."
        )
    # On Windows there may be none, not even the drive.
    place = next((place for place in path.parents if place.exists()), path.parent)
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise OSError(
            f"Expected to write {path}, but {place} is no directory that can be "
            "written to. Name another place."
        )


def _fill(temporary, write, target):
    try:
        write(temporary)
        _flush(temporary, os.O_RDWR)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise OSError(
            error.errno,
            f"Expected room for {target}, got: {os.strerror(error.errno)}. No file was "
            "changed; free space, or name another place",
        ) from error


def _flush(path, flags):
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
