"""Reports for tests: a small made-up station, its model, a ladder that needs no compiler, and the
page of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quick import quick_model

from tinygen import data
from tinygen.commands.report import report
from tinygen.common.boards import BOARDS
from tinygen.common.files import ladder_path
from tinygen.model.model import Model
from tinygen.report.dossier.figures import headline
from tinygen.report.dossier.gather import Dossier, Tests
from tinygen.search.comparators import Comparator
from tinygen.search.conversion import Conversion, Decisions, Row, conversion_facts
from tinygen.search.ladder import Ladder, Rung, save_ladders
from tinygen.target.bare import ModelCost

ROWS = 1010
HEADER = ("Date", "heat [degC]", "damp [%]", "volt [V]", "gas [ppm]")


@dataclass(frozen=True)
class Made:
    """A report and what it was made from."""

    page: Path
    model_path: Path
    csv: Path
    model: Model
    dossier: Dossier

    @property
    def tests(self) -> Tests:
        return self.dossier.tests

    @property
    def headline(self) -> str:
        return headline(self.dossier)


def station(path: Path, header=HEADER, bad_months=(), rows: int = ROWS) -> Path:
    """A CSV file of a year of made-up readings; in `bad_months` the target has nothing to do with
    them.
    """
    rng = np.random.default_rng(3)
    time = np.datetime64("2023-01-01") + np.sort(rng.choice(360 * 24, rows, replace=False)).astype(
        "timedelta64[h]"
    )
    heat, damp, volt = (
        rng.normal(20, 8, rows).round(1),
        rng.uniform(20, 95, rows).round(),
        rng.uniform(0.5, 4.5, rows).round(2),
    )
    gas = (4 * volt**2 + 0.3 * heat + 5 + rng.normal(0, 0.8, rows)).round(1)
    spoilt = np.isin(time.astype("datetime64[M]").astype(int) % 12 + 1, bad_months)
    gas = np.where(spoilt, rng.uniform(5, 90, rows).round(1), gas)
    lines = [
        f"{str(t)[:10]} {str(t)[11:13]}:00,{a},{b:g},{c},{g}"
        for t, a, b, c, g in zip(time, heat, damp, volt, gas)
    ]
    quoted = ('"' + name.replace('"', '""') + '"' for name in header)
    path.write_text("\n".join([",".join(quoted), *lines]) + "\n", encoding="utf-8")
    return path


def trained(
    folder: Path,
    csv: Path,
    kind: str = "ridge",
    threshold: float | None = 40.0,
    target: str = "gas",
) -> tuple[Path, Model]:
    """A model file with its ladder beside it, in a moment: costs are made up, everything else is
    real.
    """
    dataset = data.prepare(data.load_table(csv), target)
    first, second = (
        quick_model(dataset, k, None if dataset.labels else threshold) for k in (kind, "tree")
    )
    costs = (ModelCost(238, 0, 3, 530, 537, 534), ModelCost(736, 0, 0, 300, 478, 460))
    rungs = tuple(
        Rung(model, 1.25 + k, cost, (1.1 + k, 1.4 + k, 1.2 + k))
        for k, (model, cost) in enumerate(zip((first, second), costs))
    )
    ladder = Ladder(
        rungs,
        0,
        "uno",
        tuple((q.name, 0.1 * k) for k, q in enumerate(first.inputs)),
        comparators=_comparators(first),
    )
    told = conversion_facts(_conversion(first, len(dataset.test)))
    ladder = ladder.with_facts(verdict=told)
    path = folder / "station.json"
    ladder.model.save(path)
    save_ladders([ladder], ladder_path(path))
    return path, ladder.model


def _comparators(model: Model) -> tuple[Comparator, ...]:
    alarms = (3, 4) if model.threshold is not None else (None, None)
    return (
        Comparator("median", 21.5, *alarms, 4),
        Comparator("ridge", 4.75, *alarms, 16),
        Comparator("persistence", 9.25, *alarms, None, "the reading before"),
    )


def _conversion(model: Model, rows: int) -> Conversion:
    """A verdict with made-up costs and the model's own errors."""
    metrics = model.training["metrics"]
    key = "error_rate" if model.labels else "mae"
    worst = (
        Row(77, tuple((q.name, q.minimum) for q in model.inputs), 30.0, 29.5, 29.6)
        if not model.labels
        else None
    )
    return Conversion(
        model,
        BOARDS["uno"],
        rows,
        metrics[f"float_{key}"],
        metrics[key],
        12,
        worst,
        Decisions(2, 1, 1) if model.threshold is not None else None,
        ModelCost(238, 0, 3, 530, 537, 534),
        ModelCost(2168, 0, 126, 45000, 45320),
        1,
    )


def made_report(
    folder: Path,
    with_board: bool = False,
    note: Path | None = None,
    run: Path | None = None,
    **station_options,
) -> Made:
    """A page with everything in it that the arguments ask for."""
    csv = station(folder / "station.csv", **station_options)
    path, model = trained(folder, csv)
    made = report(path, folder / "station.html", csv, run, note, with_board)
    return Made(made.path, path, csv, model, made.dossier)
