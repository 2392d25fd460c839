"""The text of a model file, and what is said where it cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..common.errors import ModelError
from ..common.files import is_loop

MAX_FILE_BYTES = 4_000_000
Made = TypeVar("Made")


def read_file(path: Path, of: Callable[[str], Made]) -> Made:
    """What `of` makes of a model file's text; ModelError, which names the file, where it cannot."""
    path = Path(path)
    if not path.is_file():
        if is_loop(path):
            what = "is a link that leads to itself"
        elif path.exists():
            what = "is a folder" if path.is_dir() else "is not a regular file"
        else:
            what = "does not exist"
        how = f"-o {path.name if path.name.endswith('.json') else 'MODEL.json'}"
        raise ModelError(f"model file '{path}' {what}: write one with `tinygen train ... {how}`")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ModelError(
            f"model file '{path}' has {path.stat().st_size} bytes, "
            f"at most {MAX_FILE_BYTES} are read"
        )
    try:
        return of(path.read_text(encoding="ascii"))
    except UnicodeDecodeError:
        raise ModelError(
            f"model file '{path}' is not ASCII JSON: write one with `tinygen train`"
        ) from None
    except ModelError as error:
        raise ModelError(f"model file '{path}': {error}") from None
