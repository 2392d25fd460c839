"""Where the demo's rows come from: the real air-quality file if it can be had, else a simulated
station.

    find(given) -> Source

In this order: the file given; $TINYGEN_DATA (a folder or a file); the user's cache; a download of
UCI data set 360, checked by its sha256 and kept in the cache; the simulated station of
tinygen/data/simulated/station.py.

The file is "Air Quality" of the UCI Machine Learning Repository (CC BY 4.0): S. De Vito, E.
Massera, M. Piga, L. Martinotto, G. Di Francia, Sensors and Actuators B 129 (2008) 750-757.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import DataError, plain
from ..common.files import cache_dir
from ..common.progress import Progress, silent
from .simulated import station
from .table import Table, load_table, read_table

FILE_NAME = "AirQualityUCI.csv"
SHA256 = "13277ae5d8581e80b7be09d47c7d3d06fe9b8e957078f2cf6e859f955e62f996"
URL = "https://archive.ics.uci.edu/static/public/360/air+quality.zip"
STEP_TIMEOUT_S = 5.0  # to connect, and for each read
TOTAL_TIMEOUT_S = 30.0  # for everything, name look-up included
MAXIMUM_BYTES = 20_000_000  # of the archive and of the file in it; they have 1.5 and 0.8 million


@dataclass(frozen=True)
class Source:
    """The demo's rows and one plain line that says where they come from."""

    data: Path | bytes  # a CSV file, or the content of one
    kind: str  # "file", "environment", "cache", "download" or "simulated"
    line: str

    @property
    def is_real(self) -> bool:
        """Whether the rows were measured by someone."""
        return self.kind != "simulated"

    def table(self, missing: Sequence[float | str] | None = None) -> Table:
        """The rows as a table. Raises DataError as `load_table` does."""
        if isinstance(self.data, bytes):
            name = FILE_NAME if self.is_real else "simulated_station.csv"
            return read_table(io.BytesIO(self.data), name, missing)
        return load_table(self.data, missing)


def find(given: Path | str | None = None, progress: Progress = silent) -> Source:
    """The first source that can be had. Raises DataError only for a `given` file that is not
    there.
    """
    if given is not None:
        return _file(_inside(Path(given)), "file", "")
    if named := os.environ.get("TINYGEN_DATA"):
        path = _inside(Path(named).expanduser())
        if path.is_file():
            return _file(path, "environment", " ($TINYGEN_DATA)")
    unset = f"nothing at $TINYGEN_DATA {plain(named)}; " if named else ""
    cached = cache_dir() / FILE_NAME
    if _is_published(cached):
        return _file(cached, "cache", " (from the cache)", unset)
    progress(f"downloading {URL}")
    try:
        content = download()
    except DataError as error:
        return Source(
            station.simulate(),
            "simulated",
            f"data: SIMULATED roadside station, not measurements ({unset}{error}); for the real "
            "rows put "
            f"{FILE_NAME} into {plain(cached.parent)} or give --data FILE",
        )
    stored = _store(cached, content)
    where = (
        f"kept as {plain(cached)}"
        if stored
        else f"not kept, {plain(cached.parent)} is not writable"
    )
    return Source(
        cached if stored else content, "download", f"data: {unset}{FILE_NAME} from {URL}, {where}"
    )


def _inside(path: Path) -> Path:
    """The file itself, or the air-quality file in the folder."""
    return path / FILE_NAME if path.is_dir() else path


def _file(path: Path, kind: str, where: str, before: str = "") -> Source:
    if not path.is_file():
        raise DataError(
            f"{plain(path)} does not exist: give a CSV file, or a folder with {FILE_NAME}"
        )
    what = "the UCI air-quality file" if _is_published(path) else "a file of your own"
    return Source(path, kind, f"data: {before}{plain(path)}{where}, {what}")


def _is_published(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _sha256(stream.read(MAXIMUM_BYTES)) == SHA256
    except OSError:
        return False


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ------------------------------------------------------------------------------------- download


def download(
    url: str = URL, sha256: str = SHA256, total_timeout_s: float = TOTAL_TIMEOUT_S
) -> bytes:
    """The content of AirQualityUCI.csv from the archive at `url`.

    Raises DataError, after `total_timeout_s` at the latest, where it cannot be had whole and
    unchanged.
    """
    outcome: list[bytes | Exception] = []

    def fetch() -> None:
        try:
            outcome.append(_unpack(_get(url)))
        except (
            Exception
        ) as error:  # URLError, HTTPException, BadZipFile, ...: each means there is no file
            outcome.append(error)

    # a thread, because neither a name look-up nor a server that drips bytes heeds a socket's
    # time-out
    worker = threading.Thread(target=fetch, daemon=True)
    worker.start()
    worker.join(total_timeout_s)
    content = outcome[0] if outcome else TimeoutError(f"no answer in {total_timeout_s:g} s")
    if isinstance(content, Exception):
        reason = getattr(content, "reason", None) or content
        raise DataError(f"{url} could not be had ({plain(reason)[:100]})") from content
    if _sha256(content) != sha256:
        raise DataError(
            f"{url} holds another {FILE_NAME} than the published one (sha256 "
            f"{_sha256(content)[:12]}...)"
        )
    return content


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=STEP_TIMEOUT_S) as response:
            content = response.read(MAXIMUM_BYTES + 1)
    except urllib.error.HTTPError as refusal:
        refusal.close()  # it holds the connection open as long as somebody holds the error
        raise
    if len(content) > MAXIMUM_BYTES:
        raise ValueError(f"more than {MAXIMUM_BYTES} bytes")
    return content


def _unpack(archive: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as files, files.open(FILE_NAME) as member:
        content = member.read(MAXIMUM_BYTES + 1)  # never more, whatever size the archive declares
    if len(content) > MAXIMUM_BYTES:
        raise ValueError(f"more than {MAXIMUM_BYTES} bytes in {FILE_NAME}")
    return content


def _store(path: Path, content: bytes) -> bool:
    """Whether `path` now holds the content; it is replaced whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError:
        return False
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, path)
    except OSError:
        return False
    finally:
        Path(temporary).unlink(missing_ok=True)
    return True
