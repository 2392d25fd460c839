"""Command lines and the tables that they read."""

from pathlib import Path

import numpy as np

from tinygen import cli

COMMANDS = sorted(cli.main.commands)
TRAIN = "train rows.csv --target gas"
QUICK = f"{TRAIN} --family ridge --threshold 20"


def table(header="heat [degC],damp,gas", rows=160, change=lambda i, cells: cells) -> str:
    """A CSV text; `change` may alter the cells of row i, counted from 1."""
    rng = np.random.default_rng(5)
    heat, damp = np.round(rng.uniform(10, 50, rows), 1), rng.integers(100, 900, rows)
    gas = np.round(0.3 * heat + 0.02 * damp + rng.normal(0, 0.2, rows), 1)
    cells = (
        change(i, [str(h), str(d), str(g)])
        for i, (h, d, g) in enumerate(zip(heat, damp, gas), start=1)
    )
    return "\n".join([header, *map(",".join, cells)]) + "\n"


def column(k: int, value: str, rows=range(1, 1000)):
    """A change that puts `value` into column k of some rows."""
    return lambda i, cells: [*cells[:k], value, *cells[k + 1 :]] if i in rows else cells


FILES = {
    "rows.csv": table(),
    "text.csv": table(change=column(1, "wet?", [41])),
    "constant.csv": table(change=column(1, "5")),
    "dull.csv": table(change=column(2, "5")),
    "gone.csv": table(change=column(1, "NaN")),
    "lost.csv": table(change=column(2, "NaN")),
    "inf.csv": table(change=column(1, "inf", [7])),
    "nan.csv": table(change=column(1, "NaN", [7])),
    "few.csv": table(rows=9),
    "empty.csv": "",
    "header.csv": "heat,damp,gas\n",
    "no.json": "{}",
    "deep.json": "[" * 100_000,
    "deep.jsonl": "[" * 100_000,
    "half.json": '{"schema": 1, "name": "x"',
}


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path in a folder and what it holds."""
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }
