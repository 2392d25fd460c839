"""A board by its name, and what is said of a name that no board has."""

from __future__ import annotations

import difflib
import re

from ..errors import UsageError
from .board import Board
from .table import BOARDS

ALIKE = 0.75  # of difflib.SequenceMatcher: a slip or two in a name of eight letters
MOST = 4  # boards that advice names


def find_board(board: str) -> Board:
    """The board with this PlatformIO id; else UsageError that names those it may have meant."""
    if board in BOARDS:
        return BOARDS[board]
    meant = _meant(board)
    if not meant:
        advice = "`tinygen boards` lists all"
    elif len(meant) == 1:
        advice = f"the nearest is '{meant[0].pio_id}' ({meant[0].mcu}), `tinygen boards` lists all"
    else:
        each = " or ".join(f"'{b.pio_id}' ({b.mcu})" for b in meant)
        advice = f"is it {each}? `tinygen boards` lists all"
    raise UsageError(f"board '{board}' is unknown: {advice}")


def _meant(name: str) -> list[Board]:
    """Boards that a name may mean. Digits tell chips apart: where they differ it is another chip,
    however alike the words are, and a part of a name is no slip.
    """
    wanted = _plain(name)
    known = list(BOARDS.values())
    if len(wanted) < 3:
        return []
    for part in (
        [b for b in known if wanted == _plain(b.pio_id)],
        [b for b in known if wanted == b.mcu],
        [b for b in known if _plain(b.pio_id).startswith(wanted)],
        [b for b in known if _plain(b.title).endswith(wanted)],
        [b for b in known if _slip(wanted, _plain(b.pio_id)) or _slip(wanted, b.mcu)],
    ):
        if part:
            return part if len(part) <= MOST else []
    return []


def _plain(name: str) -> str:
    """Small letters and digits alone: "Nano-Every" is "nanoevery"."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _slip(one: str, other: str) -> bool:
    """True for two spellings of one name: the same digits, almost the same letters."""
    if re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    ours, theirs = (re.sub(r"\d", "", text) for text in (one, other))
    return difflib.SequenceMatcher(None, ours, theirs).ratio() >= ALIKE
