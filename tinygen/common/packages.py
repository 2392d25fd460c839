"""Packages that are installed only where they are asked for."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import UsageError


def needed(module: str, extra: str, what: str) -> Any:
    """An optional package's module; UsageError says how to install it. what: "a skops file"."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UsageError(
            f"reading {what} needs the package '{module.split('.')[0]}': "
            f"pip install 'tinygen[{extra}]'"
        ) from None
