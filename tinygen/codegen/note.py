"""What an export leaves in its folder, so that the next one knows which files it may replace."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from ..common.errors import EmitError

NOTE = ".tinygen-export"  # lines as `sha256sum -c` reads them


def with_note(texts: Mapping[str, str], folder: Path) -> str:
    """The note for these files, and for those of earlier exports into `folder`; EmitError where
    one of them would replace a file that is not as an export wrote it.
    """
    known = _read(folder / NOTE)
    for relative, text in texts.items():
        path = folder / relative
        if path.is_dir():
            raise EmitError(f"'{path}' is a folder: name another folder with -o")
        if path.is_file() and _sum(path.read_bytes()) not in (known.get(relative), _sum_of(text)):
            raise EmitError(
                f"'{path}' was changed, or is no file of an export: move it, or name another "
                "folder with -o"
            )
    there = {relative: was for relative, was in known.items() if (folder / relative).is_file()}
    now = {**there, **{relative: _sum_of(text) for relative, text in texts.items()}}
    return "".join(f"{now[relative]}  {relative}\n" for relative in sorted(now))


def _read(path: Path) -> dict[str, str]:
    """Sums by file; a line that is none says nothing."""
    lines = path.read_text("ascii", "replace").splitlines() if path.is_file() else []
    pairs = [line.split("  ", 1) for line in lines if "  " in line]
    return {relative: found for found, relative in pairs}


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sum_of(text: str) -> str:
    return _sum(text.encode("ascii"))
