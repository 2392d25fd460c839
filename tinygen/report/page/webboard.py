"""The firmware in the page: what the browser needs to run it, and to load it into a real board. The
script is bundled from web/ (README.md there).
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np

from ...common.boards import BOARDS, Board
from ...host.protocol import version_for
from ...model.fixedpoint import MISSING, Quantity
from ...model.signals.any_model import AnyModel
from ..dossier.gather import BOARD, Dossier
from ..shapley import spread_over
from ..words import green, led_words

MOST_ROWS = 2000  # test rows that are carried along, evenly spaced
SAMPLES = 64  # without test rows: corners of the ranges and random readings
PROTOCOLS = ("arduino", "wiring")  # of bootloaders, in avrdude's words, that the script speaks
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
    loads = [_load(name, hex_text) for name, hex_text in d.programs.items()]
    baud = BOARDS[BOARD].baud
    return plain_settings(d.model, d.programs[BOARD], *_rows(d), loads=loads, baud=baud)


def plain_settings(
    model: AnyModel, program: str | None, rows: np.ndarray, truth: list | None, **more: Any
) -> dict:
    """The same for raw rows, their true raw outputs (n, outputs) where these are known, and what
    else the script is told.
    """
    board = BOARDS[BOARD]
    return {
        "program": program,
        "board": {"title": board.title, "hz": board.f_cpu_hz},
        "version": version_for(model.values_per_row, model.remembers),
        "id": model.model_id,
        "inputs": [_slider(q) for q in model.inputs],
        "outputs": [_quantity(q) for q in model.outputs],
        "labels": list(model.labels),
        "scores": model.scores,
        "leds": _leds(model, board),
        "rows": rows.tolist(),
        "truth": truth,
        "answers": model.answers(rows).tolist(),
        **more,
    }


def _load(name: str, hex_text: str) -> dict:
    """The program for a chip, the page's own one not given again, and the bootloaders of its
    boards, each with the bytes that fit below it.
    """
    mcu = BOARDS[name].mcu
    rooms: dict[tuple[str, int], int] = {}
    for board in BOARDS.values():
        if board.mcu == mcu and board.protocol in PROTOCOLS:
            way = board.protocol, board.upload_speed
            rooms[way] = max(board.flash_bytes, rooms.get(way, 0))
    ways = [{"protocol": way[0], "baud": way[1], "room": room} for way, room in rooms.items()]
    return {"mcu": mcu, "ways": ways, **({} if name == BOARD else {"program": hex_text})}


def _quantity(q: Quantity) -> dict:
    return {
        "name": q.name,
        "unit": q.unit,
        "scale": q.scale,
        "offset": q.offset,
        "digits": digits(q.scale),
    }


def _leds(model: AnyModel, board: Board) -> list[dict]:
    """What each LED is called, its pin, and what it says: an alarm, or one class each."""
    meanings: list[str] = []
    if model.band:
        meanings = [led_words(model), green(model).removeprefix("green ")]
    elif model.class_leds:
        meanings = list(model.labels)
    return [
        {"name": name, "pin": pin, "says": says}
        for name, pin, says in zip(("red", "green", "third", "fourth"), board.led_ports, meanings)
    ]


def _rows(d: Dossier) -> tuple[np.ndarray, list | None]:
    """Raw rows to play, and the true raw outputs (n, outputs) where they are known."""
    tests = [one.tests for one in d.each if one.tests]
    if not tests:
        return d.model.sample_rows(SAMPLES), None
    dataset = tests[0].dataset
    x = dataset.x[dataset.test][:, dataset.columns_of(d.model.inputs)]
    chosen = spread_over(np.arange(len(x)), MOST_ROWS)
    return x[chosen], np.column_stack([one.y for one in tests])[chosen].tolist()


def _slider(q: Quantity) -> dict:
    """One slider: a little beyond what the board accepts, so that its flag can be seen."""
    low, high = q.limits
    room = max(1, (high - low) * ROOM // 100)
    return {
        **_quantity(q),
        "low": max(low - room, MISSING + 1),
        "high": min(high + room, -MISSING - 1),
        "accepted": [low, high],
        "start": (q.raw_minimum + q.raw_maximum) // 2,
    }


def digits(scale: float) -> int:
    """Digits after the point that a value in these steps has."""
    return max(0, round(-np.log10(scale)))
