"""Anomaly guards: is this row unlike those seen before? Trained on rows alone, there is no target.

guard(x, inputs) -> Model        alarm where a row is farther out than nearly all training rows
guard_csv(csv, out) -> Guarded   the same from a file, saved, and judged on rows it was not fitted
                                 to
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from .. import data
from ..codegen.emit import check_prefix
from ..common.boards import find_board
from ..common.errors import UsageError
from ..common.files import require_file_place
from ..data import Rows
from ..data import reference as baseline
from ..families import FAMILIES, guards
from ..model.fixedpoint import RAW_MAX, RAW_MIN, Quantity
from ..model.model import Model, check_name
from ..report.words import with_unit
from ..search.cross_validation import plain_config
from ..target.bare import ModelCost, measure_cost
from .pipeline import name_from, units_of

LEAST_SPAN = 8  # raw steps beyond a range of a single value that are told apart


def guard(
    x: np.ndarray,
    inputs: tuple[Quantity, ...],
    family: str = "mahalanobis",
    alarms: float = 0.001,
    name: str = "guard",
) -> Model:
    """A guard for raw rows x of shape (n, inputs) whose alarm at most the part `alarms` of them
    sets off.

    alarms: 0 .. 0.5. Raises UsageError for another value or an unknown guard.
    """
    known = guards()
    if family not in known:
        raise UsageError(f"guard '{family}' is unknown: use {' or '.join(known)}")
    if not 0 <= alarms <= 0.5:
        raise UsageError(f"part of alarms {alarms} is out of range: it must lie within 0 .. 0.5")
    kind, rows = (
        FAMILIES[family],
        Rows(
            np.asarray(x, dtype=np.int64),
            np.zeros(len(x), dtype=np.int64),
            tuple(inputs),
            known[family].output,
        ),
    )
    config = known[family].config(alarms, len(inputs))
    nodes = kind.lower(kind.fit(rows, config, 0), rows)
    bare = Model(name, family, tuple(map(_wide, rows.inputs)), rows.output, nodes)
    answers = bare.answer(rows.x)
    threshold = known[family].threshold(answers, alarms)
    output = replace(rows.output, maximum=float(rows.output.to_physical(answers.max())))
    facts = {"rows_train": len(rows.x), "config": plain_config(config), "alarms": float(alarms)}
    return replace(bare, output=output, threshold=threshold, training=facts)


def _wide(q: Quantity) -> Quantity:
    """The quantity with its trained range once more on each side: readings out there are what a
    guard is for.

    The board saturates what lies beyond the accepted range, and must not saturate it into the usual
    one.
    """
    more = max(q.raw_maximum - q.raw_minimum, LEAST_SPAN)
    low, high = (
        int(np.clip(raw, RAW_MIN, RAW_MAX)) for raw in (q.raw_minimum - more, q.raw_maximum + more)
    )
    return replace(q, minimum=float(q.to_physical(low)), maximum=float(q.to_physical(high)))


# ---- from a file ----


@dataclass(frozen=True)
class Guarded:
    """A guard just fitted and saved."""

    path: Path
    model: Model
    board: str  # of the cost: its id
    cost: ModelCost
    notes: tuple[str, ...]

    def plain(self) -> dict:
        """Plain JSON values."""
        facts = self.model.training
        return {
            "model": str(self.path),
            "name": self.model.name,
            "family": self.model.family,
            "id": f"{self.model.model_id:08x}",
            "inputs": [q.name for q in self.model.inputs],
            "threshold": float(self.model.output.to_physical(self.model.threshold)),
            **{
                key: facts[key]
                for key in (
                    "rows_train",
                    "rows_test",
                    "split",
                    "alarms",
                    "alarms_train",
                    "alarms_test",
                )
            },
            "board": self.board,
            "cost": asdict(self.cost),
            "notes": list(self.notes),
        }


def guard_csv(
    csv: Path,
    out: Path,
    inputs=None,
    drop=(),
    missing=None,
    unit=(),
    split="random",
    seed=0,
    family="mahalanobis",
    alarms: float = 0.001,
    name: str | None = None,
    board: str = "uno",
    progress: Callable[[str], None] = print,
) -> Guarded:
    """Fits a guard to a CSV file's rows and saves it; the file is written only when everything went
    well.
    """
    chip, name = find_board(board), check_prefix(check_name(name or name_from(out)))
    require_file_place(out)
    rows = data.readings(
        data.load_table(csv, missing=missing), inputs, drop, split, seed, units_of(unit)
    )
    bare = guard(rows.x[rows.train], rows.inputs, family, alarms, name)
    model = replace(bare, training={**bare.training, **_facts(bare, rows)})
    progress(f"compiling and simulating for {chip.title}")
    measured = measure_cost(model, chip)
    model.save(out)
    return Guarded(out, model, chip.pio_id, measured, rows.notes)


def _facts(model: Model, rows: data.Dataset) -> dict:
    """What the model file tells of the rows, and how many of them set the guard off."""
    answers = model.answer(rows.x)
    alarm = model.alarm(answers)
    known = baseline.sketch(
        [q.name for q in (*model.inputs, model.output)],
        np.column_stack([rows.x, answers])[rows.train],
        alarm[rows.train],
        rows.provenance.rows_dropped / rows.provenance.rows_read,
    )
    return {
        **rows.facts(),
        "alarms_train": int(alarm[rows.train].sum()),
        "alarms_test": int(alarm[rows.test].sum()),
        "baseline": known.plain(),
    }


def text(result: Guarded) -> str:
    """The guard in a few lines."""
    model, facts, spent = result.model, result.model.training, result.cost
    return "\n".join(
        [
            *(f"note: {note}" for note in result.notes),
            f"guard    {result.path}: {model.family}, inputs "
            f"{', '.join(q.name for q in model.inputs)}",
            f"rows     {facts['rows_train']:,} to learn what is usual, {facts['rows_test']:,} to "
            f"try it ({facts['split']} split); "
            f"of {facts['rows_read']:,} read {facts['rows_dropped']:,} lack a value",
            f"alarm    above {with_unit(float(model.output.to_physical(model.threshold)), model)}: "
            f"set off by {facts['alarms_train']:,} of {facts['rows_train']:,} rows it learned from "
            f"and {facts['alarms_test']:,} of the {facts['rows_test']:,} others",
            f"cost     the model alone on {result.board}: {spent.flash_bytes:,} bytes of flash, "
            f"{spent.ram_bytes + spent.stack_bytes:,} of RAM with stack, {spent.cycles_max:,} "
            "cycles at most",
        ]
    )
