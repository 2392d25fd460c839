"""`tinygen boards`: the known boards, and the ones plugged in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import click

from ..common.boards import BOARDS, Board
from ..common.tables import table
from ._show import shows

SERIAL_WORDS = {
    "uart": "UART, simulated too",
    "usb": "USB, not simulated",
    "none": "nothing: model alone",
    "core": "nothing: model alone",
}


@dataclass(frozen=True)
class BoardList:
    """Known boards, and which port has which."""

    boards: tuple[Board, ...]
    plugged_in: dict[str, tuple[str, ...]]  # board id -> ports

    def text(self) -> str:
        """A table of the boards."""
        rows = [
            [
                b.pio_id,
                b.title,
                b.mcu,
                b.flash_bytes,
                b.ram_bytes,
                f"D{b.red_pin} red, D{b.green_pin} green",
                SERIAL_WORDS[b.serial],
                b.simulator or "no simulator",
                ", ".join(self._ports(b)) or "-",
            ]
            for b in self.boards
        ]
        return table(
            [
                "board",
                "title",
                "chip",
                "flash",
                "RAM",
                "LEDs",
                "rows come by",
                "chip runs in",
                "plugged in at",
            ],
            rows,
        )

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"boards": [self._plain(b) for b in self.boards]}

    def _plain(self, board: Board) -> dict[str, Any]:
        """The entry of the table, the ports and bits of its LEDs, and where it is plugged in."""
        red, green, *more = board.led_ports
        leds = {"red_port": red, "green_port": green, "more_ports": more}
        return {**asdict(board), **leds, "ports": list(self._ports(board))}

    def _ports(self, board: Board) -> tuple[str, ...]:
        return self.plugged_in.get(board.pio_id, ())


def list_boards() -> BoardList:
    """Known boards, and the ports that have one of them."""
    from ..host import discover

    return BoardList(tuple(BOARDS.values()), discover.plugged_in())


@click.command("boards")
@shows
def command():
    """List the known boards, and the ones plugged in.

    \b
    Example:
      tinygen boards
    """
    return list_boards()
