"""Rows per second against what the wire allows, for each baud rate on both virtual boards.

    python benchmarks/throughput.py [--rows N] [--json FILE]

The model has eight inputs (25 bytes to the board, 19 back). Time is the board's own, so every
machine gives the same figures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tinygen.host.check import check, expect
from tinygen.host.link import open_link
from tinygen.host.rates import WireBudget
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.codegen.emit import emit_project
from tinygen.common.boards import BOARDS
from tinygen.common.tables import table
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.scale import Scale
from tinygen.target.build import build_firmware

BAUDS = (115_200, 250_000, 500_000, 1_000_000)
INPUTS = 8


@dataclass(frozen=True)
class Measured:
    """One stream."""

    board: str
    baud: int
    window: int
    limit: float  # rows per second that the wire allows
    rows_per_s: float
    share: float  # of the limit
    right: bool


def measure(
    model: Model, board_id: str, baud: int, windows: tuple, rows: int, folder: Path
) -> list[Measured]:
    """Streams `rows` rows, with each window; None is what the board takes."""
    board = replace(BOARDS[board_id], baud=baud)
    elf = build_firmware(emit_project(model, folder, [board]), board).elf
    raw, found = model.sample_rows(rows, 1), []
    for window in windows:
        with open_link(avr_url(board_id, elf), model, board) as link:
            budget = WireBudget.of(link, window)
            verdict = check(stream(link, raw.tolist(), window), expect(model, raw))
        found.append(
            Measured(
                board_id,
                baud,
                budget.window,
                round(budget.limit, 1),
                round(verdict.rows_per_s, 1),
                round(verdict.rows_per_s / budget.limit, 4),
                verdict.passed,
            )
        )
    return found


def eight_inputs() -> Model:
    """A linear model of eight inputs, made up: what it answers does not matter here."""
    inputs = tuple(
        Quantity(f"sensor {i}", "", 1.0, -300.0 - 40 * i, 900.0 + 100 * i) for i in range(INPUTS)
    )
    spans = [quantity.raw_maximum - quantity.raw_minimum for quantity in inputs]
    scale = Scale(
        tuple(q.raw_minimum for q in inputs),
        tuple((255 << 8) // span for span in spans),
        8,
        255,
        128,
    )
    dense = Dense((tuple(range(-40, 40, 10)),), (1000,), 0, -32000, 32000, 0)
    return Model(
        "throughput", "linear", inputs, Quantity("y", "", 1.0, -20000.0, 20000.0), (scale, dense), 0
    )


def main() -> int:
    """Prints the table; exit code 1 where a row was wrong, or the Uno stays below 90 % of the wire
    at 500,000 baud.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found, model = [], eight_inputs()
    with tempfile.TemporaryDirectory() as folder:
        for board_id in ("uno", "megaatmega2560"):
            for baud in BAUDS:
                found += measure(model, board_id, baud, (1, None), options.rows, Path(folder))
    print(
        table(
            ["board", "baud", "window", "wire allows", "rows/s", "share", "every row right"],
            [
                [
                    m.board,
                    m.baud,
                    m.window,
                    round(m.limit),
                    round(m.rows_per_s),
                    f"{m.share:.0%}",
                    "yes" if m.right else "NO",
                ]
                for m in found
            ],
        )
    )
    if options.json:
        options.json.write_text(json.dumps([asdict(m) for m in found], indent=1) + "\n")
    goal = next(m for m in found if (m.board, m.baud) == ("uno", 500_000) and m.window > 1)
    return 0 if goal.share >= 0.9 and all(m.right for m in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
