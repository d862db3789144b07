"""Where data sets are kept, and how their files get there."""

from __future__ import annotations

import hashlib
import logging
import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from ._typing import FilePath

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Parameters
    ----------
    url : str
        Where it is published.
    filename : str
        Its name in the data directory.
    sha256 : str, optional
        The checksum it must have; None if nobody could verify one, so that the
        download is logged with the checksum it has.
    """

    url: str
    filename: str
    sha256: str | None = None


def get_data_home(data_home: FilePath | None = None) -> Path:
    """The directory that data sets are read from and downloaded to.

    It is `data_home`, else the environment variable ``SKCCEM_DATA``, else
    ``~/skccem_data``. It is made when something is downloaded, not before.

    Parameters
    ----------
    data_home : str or path-like, optional
        The directory; a leading ``~`` is the home directory of the user.

    Returns
    -------
    data_home : pathlib.Path
        The directory, which may not exist yet.

    Examples
    --------
    >>> from skccem.datasets import get_data_home
    >>> get_data_home("crowds").name
    'crowds'
    """
    if data_home is None:
        data_home = os.environ.get("SKCCEM_DATA") or "~/skccem_data"
    return Path(data_home).expanduser()


def find_or_download(remote, home, download_if_missing):
    """The path of a file in the directory `home`, downloaded if it is not there.

    Parameters
    ----------
    remote : Remote
    home : pathlib.Path
    download_if_missing : bool

    Returns
    -------
    path : pathlib.Path

    Raises
    ------
    OSError
        If the file is absent and is not to be, or can't be, downloaded.
    ImportError
        If pooch is needed and not installed.
    """
    path = home / remote.filename
    if path.is_file():
        return path
    by_hand = f"Download {remote.url} by hand and put it there unchanged."
    if not download_if_missing:
        raise OSError(
            f"Expected the file {path}, which does not exist, and "
            f"download_if_missing=False. {by_hand}"
        )
    _download(remote, path, by_hand)
    return path


def read_members(remote, names, home, download_if_missing):
    """Files of an archive, in memory.

    They are read from the directory that the archive was unpacked in, if all are
    there, else from the archive itself. Nothing is unpacked to disk.

    Parameters
    ----------
    remote : Remote
        A gzipped tar archive.
    names : sequence of str
        Paths in the archive, which are also paths in `home` once it is unpacked.
    home : pathlib.Path
    download_if_missing : bool

    Returns
    -------
    contents : list of bytes
        In the order of `names`.

    Raises
    ------
    OSError
        If the archive can't be had, or has not all the files.
    """
    if all((home / name).is_file() for name in names):
        return [(home / name).read_bytes() for name in names]
    path = find_or_download(remote, home, download_if_missing)
    found, problem = {}, "they are not in it"
    try:
        # As a stream, which stops at the last file needed: the published
        # mturk-datasets.tar.gz is said to end in the middle of a later one.
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name in names and member.isfile():
                    found[name] = archive.extractfile(member).read()
                if len(found) == len(names):
                    break
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        problem = str(error)
    if len(found) < len(names):
        raise OSError(
            f"Expected {', '.join(sorted(set(names) - set(found)))} in {path}, got: "
            f"{problem}. Delete the archive and fetch again; its source is "
            f"{remote.url}."
        )
    return [found[name] for name in names]


def _download(remote, path, by_hand):
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            f"Expected pooch to download {path}, but it is not installed. Install it "
            f"with: pip install 'skccem[data]'. Or: {by_hand}"
        ) from error
    known_hash = None if remote.sha256 is None else f"sha256:{remote.sha256}"
    try:
        # Downloads to a temporary file, checks it, and only then gives it its name.
        pooch.retrieve(
            remote.url, known_hash=known_hash, fname=path.name, path=path.parent
        )
    except (OSError, ValueError) as error:
        # A ValueError is a wrong checksum.
        raise OSError(f"Expected to download {path}, got: {error} {by_hand}") from error
    if remote.sha256 is None:
        with open(path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        _logger.warning(
            "No verified checksum is known for %s; the sha256 of the file that was "
            "downloaded to %s is %s.",
            remote.url,
            path,
            sha256,
        )
