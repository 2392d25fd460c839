"""Files read from a folder that somebody else may have filled: no link is followed, nothing but a
regular file of a sensible size is opened; and the sums of files that are given.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...common.errors import UsageError, show
from .differences import Differs
from .schema import Input

MOST_BYTES = 16_000_000  # of a file that is compared: a header of the largest model has 2 MB
MOST_FILES = 10_000  # of a folder that is read
PART = 1 << 20


def sum_of(content: bytes | str) -> str:
    """The SHA-256 of some bytes, or of an ASCII text."""
    plain = content.encode("ascii") if isinstance(content, str) else content
    return hashlib.sha256(plain).hexdigest()


def input_of(path: Path) -> Input:
    """A file or a folder that a command reads; UsageError where it is neither."""
    name = path.resolve().name if path.name in ("", ".", "..") else path.name
    if path.is_file():
        return Input(name, _streamed(path))
    if not path.is_dir():
        raise UsageError(f"{show(str(path))} is neither a file nor a folder: name another")
    found: list[Path] = []
    for one in path.rglob("*"):
        found += [one] if one.is_file() else []
        if len(found) > MOST_FILES:
            raise UsageError(f"folder '{path}' has more than {MOST_FILES:,} files: name another")
    files = {one.relative_to(path).as_posix(): _streamed(one) for one in sorted(found)}
    listed = "".join(f"{content}  {relative}\n" for relative, content in files.items())
    return Input(name, hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest(), files)


def _streamed(path: Path) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        while part := stream.read(PART):
            found.update(part)
    return found.hexdigest()


@dataclass(frozen=True)
class Folder:
    """A folder whose files are compared."""

    path: Path

    def read(self, stage: str, relative: str) -> bytes:
        """The bytes of a file; Differs where it is not there, or is no regular file of the
        folder's own.
        """
        place = self.path
        for part in Path(relative).parts:
            place = place / part
            if place.is_symlink():
                raise Differs(stage, f"{relative} is a link or behind one: put the file itself")
        try:
            found = place.lstat()
        except OSError:
            raise Differs(stage, f"{relative} is missing") from None
        if not stat.S_ISREG(found.st_mode):
            raise Differs(stage, f"{relative} is no regular file")
        if found.st_size > MOST_BYTES:
            raise Differs(
                stage,
                f"{relative} has {found.st_size:,} bytes, at most {MOST_BYTES:,} are compared",
            )
        return place.read_bytes()

    def entries(self, below: tuple[str, ...]) -> Iterator[str]:
        """All files and links in some folders of it, by relative path; no link is followed."""
        for name in below:
            if (self.path / name).is_symlink():
                yield name
                continue
            for place, folders, files in os.walk(self.path / name):
                links = [one for one in folders if (Path(place) / one).is_symlink()]
                for one in sorted([*files, *links]):
                    yield (Path(place) / one).relative_to(self.path).as_posix()
