"""The same rows through the integer twin, the host's C compiler and the simulated chip."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tinygen.codegen.emit import render_header, runtime
from tinygen.common.boards import Board
from tinygen.model.model import Model
from tinygen.target.bare import BareChip

MAIN = """#include <stdio.h>
#include "{name}.h"
int main(void)
{{
    int16_t x[{upper}_INPUTS];
    while (fread(x, sizeof x, 1, stdin) == 1) {{
        int16_t y = {name}_predict(x);
        fwrite(&y, sizeof y, 1, stdout);
    }}
    return 0;
}}
"""


def differing_rows(model: Model, rows: np.ndarray, board: Board) -> int:
    """How many of the raw rows the board's chip or the host's C answer differently from the
    twin.
    """
    twin = model.predict(rows)
    with BareChip(model, board) as chip:
        return int(((chip.predict(rows) != twin) | (host_answers(model, rows) != twin)).sum())


def host_answers(model: Model, rows: np.ndarray) -> np.ndarray:
    """Answers of the generated header compiled with gcc for this machine, int64 (n,)."""
    with tempfile.TemporaryDirectory(prefix="tinygen-") as name:
        folder = Path(name)
        texts = {
            f"{model.name}.h": render_header(model),
            **runtime(),
            "main.c": MAIN.format(name=model.name, upper=model.name.upper()),
        }
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="ascii")
        subprocess.run(["gcc", "-O1", "-std=c99", "main.c", "-o", "main"], cwd=folder, check=True)
        done = subprocess.run(
            [str(folder / "main")],
            input=rows.astype("<i2").tobytes(),
            capture_output=True,
            check=True,
        )
    return np.frombuffer(done.stdout, dtype="<i2").astype(np.int64)
