"""Which serial ports have a board we know, by USB vendor and product id; never by the port's name."""

from __future__ import annotations

from serial.tools import list_ports

from tinygen.boards import BOARDS, Board
from tinygen.errors import LinkError


def plugged_in() -> dict[str, tuple[str, ...]]:
    """Board id -> ports whose USB id is one of the board's."""
    found: dict[str, tuple[str, ...]] = {}
    for port in sorted(list_ports.comports(), key=lambda p: p.device):
        for board in BOARDS.values():
            if (port.vid, port.pid) in board.usb_ids:
                found[board.pio_id] = (*found.get(board.pio_id, ()), port.device)
    return found


def only_board() -> tuple[Board, str]:
    """The one known board that is plugged in, and its port; LinkError where there is none or more than one."""
    found = [(board, port) for board, ports in plugged_in().items() for port in ports]
    if len(found) != 1:
        names = ", ".join(f"{port} ({board})" for board, port in found) or "none"
        raise LinkError(f"port auto needs exactly one known board plugged in, found {names}: name one with --port, or use --port sim")
    return BOARDS[found[0][0]], found[0][1]
