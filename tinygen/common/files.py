"""Output files, refused before the work if they cannot be written, then written whole or not at
all; where a ladder stands, and the folder of what is kept between runs.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from .errors import UsageError

Paths = Path | Sequence[Path]
TABLES = ".csv", ".txt", ".tsv"  # the endings of files that are read from a folder


def require_file_place(path: Path) -> None:
    """UsageError where a file cannot be written at `path`; asked before a long step, not after
    it.
    """
    folder = path.absolute().parent
    if is_loop(path):
        raise UsageError(f"output '{path}' is a link that leads to itself: name another file")
    if path.is_dir():
        raise UsageError(f"output '{path}' is a folder: name a file in it")
    if path.exists() and not path.is_file():
        raise UsageError(f"output '{path}' is a device: name a file")
    if not folder.is_dir():
        raise UsageError(
            f"output '{path}' cannot be written: there is no folder '{path.parent}', make it first"
        )
    if not os.access(folder, os.W_OK):
        raise UsageError(
            f"output '{path}' cannot be written: folder '{path.parent}' is read-only, choose "
            "another"
        )


def require_folder_place(path: Path, named: str = "with -o") -> None:
    """UsageError where a folder cannot be made or filled at `path`; `named` is how it is given."""
    if is_loop(path):
        raise UsageError(f"output '{path}' is a link that leads to itself: name another {named}")
    there = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UsageError(
            f"output '{path}' is no folder: '{there.name}' is a file, name another {named}"
        )
    if not os.access(there, os.W_OK):
        raise UsageError(
            f"output '{path}' cannot be written: folder '{there}' is read-only, choose another "
            f"{named}"
        )


def is_loop(path: Path) -> bool:
    """True for a symbolic link that leads back to itself, itself or through others."""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def read_words(path: Path, what: str, most: int = 100_000) -> str:
    """The text of a small UTF-8 file; UsageError where `path` is no regular file, has more than
    `most` bytes, or holds something else. `what` names it: "note".
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{what} '{path}' is not a regular file: name a text file")
        if (size := path.stat().st_size) > most:
            raise UsageError(
                f"{what} '{path}' has {size:,} bytes, at most {most:,} are read: shorten it"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"{what} '{path}' cannot be read ({reason}): name a text file") from None


def json_of(text: str | bytes) -> Any:
    """The plain value in a JSON text; ValueError where it is none, or nested without end."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists within lists without end") from None


def require_apart(inputs: Mapping[str, Paths], outputs: Mapping[str, Paths]) -> None:
    """UsageError where a file to write is also one to read, or is written twice: the same path
    after links are followed, another name of the same file, or a table in a folder of them. By
    option, as the user knows them.
    """
    reads = [(option, path) for option, paths in inputs.items() for path in _each(paths)]
    folders = [(option, path) for option, path in reads if path.is_dir()]
    for option, paths in outputs.items():
        for path in _each(paths):
            for other, folder in folders:
                if _read_from(path, folder):
                    raise UsageError(
                        f"output '{path}' ({option}) is among the files of {other}, all of which "
                        "are read: write elsewhere"
                    )
            for other, taken in reads:
                if _same(path, taken):
                    raise UsageError(
                        f"output '{path}' ({option}) is also {other}: write elsewhere, "
                        "or it would be lost"
                    )
            reads.append((option, path))


def _each(paths: Paths) -> tuple[Path, ...]:
    return tuple(map(Path, paths)) if isinstance(paths, (tuple, list)) else (Path(str(paths)),)


def _read_from(path: Path, folder: Path) -> bool:
    """True where a file would be read with the others of a folder, now or the next time."""
    is_table = path.suffix.casefold() in TABLES
    return is_table and Path(_followed(path)).is_relative_to(_followed(folder))


def _same(one: Path, other: Path) -> bool:
    """True for two names of one regular file, or of one that is still to be made."""
    if not all(path.is_file() or not path.exists() for path in (one, other)):
        return False  # a folder is filled, a device keeps nothing
    if one.exists() and other.exists():
        return one.samefile(other)
    return _followed(one) == _followed(other)


def _followed(path: Path) -> str:
    """The path after its links; of one that leads to itself what there is of it."""
    return os.path.realpath(path)


def write_whole(path: Path, text: str) -> None:
    """Writes a text file, or raises UsageError and leaves what was there."""
    path = Path(path)
    require_file_place(path)
    target, temporary = path.resolve(), None  # a link stays, what it points to is replaced
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".tinygen-")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(temporary, _mode_at(target))
        os.replace(temporary, target)
    except OSError as error:
        raise UsageError(
            f"output '{path}' cannot be written ({error.strerror}): choose another file"
        ) from None
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _mode_at(path: Path) -> int:
    """The permissions of the file that is replaced, or those that the user gives to new ones."""
    if path.is_file():
        return stat.S_IMODE(path.stat().st_mode)
    return new_mode()


def new_mode() -> int:
    """The permissions that the user gives to new files; of a temporary file they are narrower."""
    os.umask(mask := os.umask(0o077))
    return 0o666 & ~mask


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes a CSV file whole or not at all."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_whole(path, text.getvalue())


def ladder_path(model: Path) -> Path:
    """Where `train` keeps the other models it found: benzene.json -> benzene.search.json."""
    return model.with_name(f"{model.name.removesuffix('.json')}.search.json")


def cache_unusable(error: OSError) -> str:
    """What is said where something cannot be written in the cache: "" where it was elsewhere."""
    folder, where = cache_dir(), Path(str(error.filename))
    if where not in (folder, *folder.parents) and folder not in where.parents:
        return ""
    return (
        f"the cache folder '{folder}' cannot be used ({error.strerror}): set TINYGEN_CACHE to a "
        "folder that can be written"
    )


def cache_dir() -> Path:
    """tinygen's folder in the user's cache, or $TINYGEN_CACHE; may not exist yet."""
    if os.environ.get("TINYGEN_CACHE"):
        return Path(os.environ["TINYGEN_CACHE"]).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tinygen"
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tinygen"
