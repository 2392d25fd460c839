"""The rows that everything after this room works on, how they are split, and where they are from.

An importer that has no file makes them as well:

    Dataset(Rows(x, y, inputs, output), random_split(...), Provenance("recording"))
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ..common.errors import ModelError, show
from ..model.fixedpoint import Quantity


@dataclass(frozen=True)
class Rows:
    """Raw integer rows and what they stand for: `Quantity.to_physical` gives their values."""

    x: np.ndarray  # int64 (n, inputs), raw
    y: np.ndarray  # int64 (n,), raw; with labels class indices
    inputs: tuple[Quantity, ...]  # minimum and maximum over the training rows
    output: Quantity
    labels: tuple[str, ...] = ()  # classification: the label of class 0, 1, ...
    weights: np.ndarray | None = None  # float (n,), 0 or more: how much each counts; None, the same

    @property
    def task(self) -> str:
        """What a family must be able to do with these rows; a guard is asked for by name only."""
        return "classification" if self.labels else "regression"

    def error(self, predicted: np.ndarray) -> float:
        """What a family is judged by: the error rate of classes, else the mean absolute raw
        error.
        """
        wrong = predicted != self.y if self.labels else np.abs(predicted - self.y)
        return float(np.average(wrong, weights=self.weights))

    def spread(self) -> float:
        """Sum of squared deviations of the target from its mean, raw**2; 0 where no row counts."""
        counts = np.ones(len(self.y)) if self.weights is None else self.weights
        if not counts.any():
            return 0.0
        return float((counts * (self.y - np.average(self.y, weights=counts)) ** 2).sum())

    def only(self, columns: tuple[int, ...]) -> Rows:
        """The same rows with some of the inputs."""
        return replace(self, x=self.x[:, columns], inputs=tuple(self.inputs[c] for c in columns))

    def take(self, index: np.ndarray) -> Rows:
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[index]
        return replace(self, x=self.x[index], y=self.y[index], weights=weights)


@dataclass(frozen=True)
class Split:
    """Which rows train and which test: positions in the rows, none of them in both."""

    train: np.ndarray  # int64: in the order of the rows, or in time order for kind "time"
    test: np.ndarray  # the same
    kind: str = "random"  # or "time"
    seed: int = 0
    together: bool = True  # rows with equal inputs are on one side, and in one fold
    # (fit, validate) positions of each fold where they are given; None: made from `train` and seed
    cuts: tuple[tuple[np.ndarray, np.ndarray], ...] | None = None

    def __post_init__(self) -> None:
        """ModelError where training rows are out of order: windows of them would have no sense."""
        if not self.by_time and (self.train[1:] < self.train[:-1]).any():
            raise ModelError("the training positions of a split are out of order: sort them")

    @property
    def by_time(self) -> bool:
        """True where the test rows are the last ones."""
        return self.kind == "time"


SEVERITIES = ("high", "medium", "low")  # the gravest first


@dataclass(frozen=True)
class Finding:
    """One thing to know before training."""

    severity: str  # one of SEVERITIES
    kind: str  # "shortcut", "missing", ...
    columns: tuple[str, ...]
    what: str  # what was seen and how much
    effect: str  # what it does to the model
    advice: str  # what to type

    @property
    def line(self) -> str:
        """What was seen, what it does and what to type, as a note."""
        return f"{self.what}: {self.effect} ({self.advice})"

    def plain(self) -> dict[str, Any]:
        """Plain JSON values, which `findings_in` reads."""
        return {**asdict(self), "columns": list(self.columns)}


@dataclass(frozen=True)
class Provenance:
    """Where rows come from and what was left out on the way."""

    source: str  # file name, or what else the rows were made from
    sha256: str = ""  # of the file's bytes; "" without a file
    rows_read: int = 0  # rows of the file
    rows_dropped: int = 0  # of them, with a missing value in a used column
    repeated: int = 0  # of the rest, equal to an earlier row in inputs and target: they count
    missing: tuple[float | str, ...] = ()  # codes that meant "no value"
    lines: np.ndarray | None = None  # int64 (n,): each row's line in the file; None without a file
    time: np.ndarray | None = None  # datetime64[s] (n,): when each row was measured; None, unknown
    files: np.ndarray | None = None  # str (n,): each row's file, where there are several
    date_order: str = ""  # of DATE_ORDERS, where it was asked for
    beside: tuple[str, ...] = ()  # further targets, whose columns are no inputs
    weighting: dict = field(default_factory=dict)  # how the rows' weights were made, plain JSON
    findings: tuple[Finding, ...] = ()  # what must be known before a figure on them is believed

    def line(self, row: int) -> int | str | None:
        """A row's line in the file; with several files "12 of b.csv"."""
        if self.lines is None or self.files is None:
            return None if self.lines is None else int(self.lines[row])
        return f"{self.lines[row]} of {self.files[row]}"


@dataclass(frozen=True)
class Dataset:
    """Complete rows as raw integers, which of them train and test, and where they are from."""

    rows: Rows  # all of them, in file order
    split: Split
    provenance: Provenance
    notes: tuple[str, ...] = ()  # one line each: what was left out or coarsened, and why

    @property
    def x(self) -> np.ndarray:
        return self.rows.x

    @property
    def y(self) -> np.ndarray:
        return self.rows.y

    @property
    def inputs(self) -> tuple[Quantity, ...]:
        return self.rows.inputs

    @property
    def target(self) -> Quantity:
        return self.rows.output

    @property
    def labels(self) -> tuple[str, ...]:
        return self.rows.labels

    @property
    def train(self) -> np.ndarray:
        return self.split.train

    @property
    def test(self) -> np.ndarray:
        return self.split.test

    @property
    def training(self) -> Rows:
        """The rows that fitting may see."""
        return self.rows.take(self.split.train)

    def columns_of(self, inputs: Iterable[Quantity]) -> list[int]:
        """Where a model's inputs stand among those of the data set, by their names; ModelError for
        one that it has not.
        """
        places = {q.name: place for place, q in enumerate(self.inputs)}
        for q in inputs:
            if q.name not in places:
                raise ModelError(
                    f"the model reads {show(q.name)}, which is none of the columns that these rows "
                    "have: train it again"
                )
        return [places[q.name] for q in inputs]

    def with_rows(self, **changes) -> Dataset:
        """The same data set with some fields of its rows replaced."""
        return replace(self, rows=replace(self.rows, **changes))

    def noted(self, *notes: str) -> Dataset:
        """The same data set with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def with_findings(self, findings: tuple[Finding, ...]) -> Dataset:
        """The same data set with what was found in its rows, which its notes say as well."""
        told = self.noted(*(finding.line for finding in findings))
        return replace(told, provenance=replace(self.provenance, findings=findings))

    def facts(self) -> dict:
        """What a model file tells of the rows, plain JSON values."""
        source = self.provenance
        made = [q.derivation for q in self.inputs if q.derivation]
        asked = {
            "categories": list(dict.fromkeys(d.columns[0] for d in made if d.labels)),
            "time_inputs": [d.part for d in made if d.part],
        }
        return {
            **{name: names for name, names in asked.items() if names},
            "rows_test": len(self.test),
            "split": self.split.kind,
            "seed": self.split.seed,
            "rows_read": source.rows_read,
            "rows_dropped": source.rows_dropped,
            "repeated": source.repeated,
            "missing": list(source.missing),
            "source": source.source,
            "sha256": source.sha256,
            **({"date_order": source.date_order} if source.date_order else {}),
            **({"beside": list(source.beside)} if source.beside else {}),
            **({"findings": [f.plain() for f in source.findings]} if source.findings else {}),
        }


def findings_in(facts: dict[str, Any]) -> tuple[Finding, ...]:
    """The findings that a model file keeps in its training facts; ModelError for damaged ones."""
    try:
        kept = facts.get("findings", [])
        found = tuple(Finding(**{**one, "columns": tuple(one["columns"])}) for one in kept)
        if unknown := {one.severity for one in found} - set(SEVERITIES):
            raise ValueError(f"severity {show(min(unknown))}")
        return found
    except (TypeError, KeyError, ValueError) as error:
        raise ModelError(
            f"the findings in the model file are not as tinygen writes them ({error}): train it "
            "again"
        ) from None
