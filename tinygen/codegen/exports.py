"""What several exporters have in common: the header with its runtime inside, rows that check it,
and sketches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np

from .. import __version__
from ..common.boards import BOARDS, Board
from ..common.errors import EmitError
from ..common.jinja import environment
from ..model.fixedpoint import MISSING
from ..model.model import Model
from ..model.nodes import Integers
from ..model.signals import SignalModel
from ..model.signals.any_model import AnyModel
from .names import check_prefix
from .parts import SIGNAL_RUNTIME, firmware_text, headers, render, vectors
from .signals.sampler import driver_files, sampler
from .signals.vectors import run_length
from .stripped.header import alone
from .stripped.sdcc import called, marked

CORNERS, SEARCHED, MOST_ROWS = 24, 2000, 64  # 255 rows is what the self-test can count
LICENSE = "exports/LICENSE"


def fill(template: str, model: AnyModel, board: Board | None = None, **more: object) -> str:
    """A template of the folder exports. It knows the name and nothing else that a file tells."""
    board = board or BOARDS["uno"]
    return (
        environment("c")
        .get_template(f"exports/{template}")
        .render(
            version=__version__,
            name=check_prefix(model.name),
            upper=model.name.upper(),
            package=f"tinygen_{model.name}",
            board=board,
            signals=isinstance(model, SignalModel),
            row_count=partial(row_count, model),
            **more,
        )
    )


def check_rows(model: Model) -> Integers:
    """Raw rows, int64 (n, inputs): corners of the ranges and of int16, a missing value in each of
    the first inputs, and rows for every class, "not sure", and each side of an alarm level where
    some are found.
    """
    rows = model.sample_rows(CORNERS, seed=1)
    missing = np.array(rows[: min(len(model.inputs), 8)])
    missing[np.arange(len(missing)), np.arange(len(missing))] = MISSING
    rows = np.vstack([rows, missing, np.full((1, rows.shape[1]), MISSING)])
    more = model.sample_rows(SEARCHED, seed=2)
    kinds = _kinds(model, more)
    seen = set(_kinds(model, rows))
    for kind in dict.fromkeys(kinds):
        if kind not in seen and len(rows) < MOST_ROWS:
            rows = np.vstack([rows, more[kinds.index(kind)]])
    return rows


def _kinds(model: Model, rows: Integers) -> list[int]:
    """What a row shows: its class, or whether it is an alarm and whether that is unsure."""
    first = model.values(rows)[:, 0]
    return list(map(int, first if model.labels else model.alarm(first) + 2 * model.unsure(first)))


def row_count(model: AnyModel) -> int:
    """Rows, or samples, of the check."""
    return run_length(model) if isinstance(model, SignalModel) else len(check_rows(model))


def checked(model: AnyModel, users: Iterable[str] = ()) -> dict[str, str]:
    """NAME.h, which needs no other file, and NAME_vectors.h, which checks it: name -> text. users:
    texts that include it, and may call more of the runtime.
    """
    name = check_prefix(model.name)
    generated = headers(model)
    rows = None if isinstance(model, SignalModel) else check_rows(model)
    check = called(marked(vectors(model, rows)[f"{name}_vectors.h"]))
    texts = {file: firmware_text(f"include/{file}") for file in SIGNAL_RUNTIME}
    return {
        f"{name}.h": alone(generated[f"{name}.h"], generated, texts, [check, *users]),
        f"{name}_vectors.h": check,
    }


def sketches(model: AnyModel, board: Board | None) -> dict[str, str]:
    """The sketches of a model, by name: NAME_serial and NAME_analog, or NAME_sampler."""
    name = model.name
    if isinstance(model, SignalModel):
        return {f"{name}_sampler": sampler(model, board)}
    return {
        f"{name}_serial": render("example.ino.j2", model),
        f"{name}_analog": render("analog.ino.j2", model, board),
    }


def drivers(model: AnyModel) -> dict[str, str]:
    """What the sketch of a recorded sensor needs to read it: file name -> text."""
    names = driver_files(model) if isinstance(model, SignalModel) else ()
    return {name: firmware_text(f"sensors/{name}") for name in names}


def arduino_files(model: AnyModel, board: Board | None) -> dict[str, str]:
    """What a library for the Arduino core has, whoever installs it: path -> text."""
    examples = sketches(model, board)
    return {
        **within("src", checked(model, examples.values())),
        "src/tinygen_alarm.h": firmware_text("include/tinygen_alarm.h"),
        **within("src", drivers(model)),
        **{f"examples/{n}/{n}.ino": text for n, text in examples.items()},
        "LICENSE": fill("LICENSE", model),
    }


def within(folder: str, texts: Mapping[str, str]) -> dict[str, str]:
    """The files in a folder."""
    return {f"{folder}/{path}": text for path, text in texts.items()}


def refuse_signals(model: AnyModel, form: str) -> Model:
    """The model; EmitError for one of signals."""
    if isinstance(model, SignalModel):
        raise EmitError(
            f"'{model.name}' is a model of signals, and --as {form} is for models of rows: take "
            "another format, such as header or json-vectors"
        )
    return model
