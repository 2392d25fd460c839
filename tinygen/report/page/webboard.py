"""The firmware in the page: what the browser needs to run it. The script is bundled from web/
(README.md there).
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from ...common.boards import BOARDS
from ...model.fixedpoint import MISSING, Quantity
from ...model.model import Model
from ..dossier.gather import BOARD, Dossier, Tests
from ..shapley import spread_over
from ..words import green, led_words

MOST_ROWS = 2000  # test rows that are carried along, evenly spaced
SAMPLES = 64  # without test rows: corners of the ranges and random readings
ROOM = 1  # part of a span that a slider goes beyond the accepted range, in hundredths


def script() -> str:
    """The bundled script: the simulated chip, and what moves it."""
    return (
        files("tinygen.report.page.web")
        .joinpath("board.min.js")
        .read_text(encoding="ascii")
        .strip()
    )


def settings(d: Dossier) -> dict:
    """What the script is told, plain JSON: the program, its board, the sliders, rows to play."""
    board = BOARDS[BOARD]
    model = d.model
    rows, truth = _rows(model, d.tests)
    answers = model.answer(rows).tolist()
    return {
        "program": d.program,
        "board": {
            "title": board.title,
            "hz": board.f_cpu_hz,
            "red": board.red_port,
            "green": board.green_port,
        },
        "id": model.model_id,
        "inputs": [_slider(q) for q in model.inputs],
        "output": {
            "name": model.output.name,
            "unit": model.output.unit,
            "scale": model.output.scale,
            "offset": model.output.offset,
            "digits": digits(model.output.scale),
        },
        "labels": list(model.labels),
        "alarm": {"red": led_words(model), "green": green(model).removeprefix("green ")}
        if model.band
        else None,
        "rows": rows.tolist(),
        "truth": truth,
        "answers": answers,
    }


def _rows(model: Model, tests: Tests | None) -> tuple[np.ndarray, list | None]:
    """Raw rows to play, and the true raw outputs where they are known."""
    if tests is None:
        return model.sample_rows(SAMPLES), None
    chosen = spread_over(np.arange(len(tests)), MOST_ROWS)
    return tests.x[chosen], tests.y[chosen].tolist()


def _slider(q: Quantity) -> dict:
    """One slider: a little beyond what the board accepts, so that its flag can be seen."""
    low, high = q.limits
    room = max(1, (high - low) * ROOM // 100)
    return {
        "name": q.name,
        "unit": q.unit,
        "scale": q.scale,
        "offset": q.offset,
        "digits": digits(q.scale),
        "low": max(low - room, MISSING + 1),
        "high": min(high + room, -MISSING - 1),
        "accepted": [low, high],
        "start": (q.raw_minimum + q.raw_maximum) // 2,
    }


def digits(scale: float) -> int:
    """Digits after the point that a value in these steps has."""
    return max(0, round(-np.log10(scale)))
