"""What a large model teaches a small one on the air-quality data and on few noisy rows: the figures
of docs/distilling.md.

    TINYGEN_DATA=FOLDER python benchmarks/distilling.py [--json FILE] [--text FILE]

Student and plainly trained model are judged on the held-out rows of the training folds; the test
rows only stand beside. `uniform`: what a student has that learns from uniform rows alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from goals import TASKS, UNO, find_data
from result_files import run_page
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeRegressor

from tinygen.common.tables import six_digits, table
from tinygen.data import Dataset, Provenance, Rows, Split, load_table, prepare
from tinygen.model.fixedpoint import Quantity
from tinygen.search.distillation import Distilled, Teacher, distilled, own_teacher
from tinygen.search.finalists import SearchRequest
from tinygen.target.build import Budget

FAMILIES_SHOWN = ("polynomial", "tree")
FLASH = 1000  # bytes
STEP = 0.01  # of the plane's inputs and target
PLANE_ROWS, FRESH_ROWS, DRAWS, SEEDS = 90, 5000, 4, 4
DEPTH, UNIFORM_ROWS = 8, 20_000


@dataclass(frozen=True)
class Compared:
    """Mean absolute errors of a student and of a plainly trained model."""

    what: str
    student_folds: float
    plain_folds: float
    student: float  # on the test rows
    plain: float
    kept: str
    teacher: float  # on the test rows


@dataclass(frozen=True)
class Uniform:
    """A tree taught by uniform rows alone."""

    fidelity: float  # R2 against its teacher, on other uniform rows
    error: float  # on the real test rows
    real: float  # of the same tree, fitted to the training rows
    teacher: float
    median: float  # the same answer to every row


def compared(what: str, found: Distilled) -> Compared:
    facts = found.facts()
    folds = [six_digits(facts[side]["error_in_folds"]) for side in ("student", "plain")]
    tests = [facts[side]["error"] for side in ("student", "plain")]
    return Compared(what, *folds, *tests, found.kept, facts["teacher_error"])


def benzene(dataset: Dataset) -> list[Compared]:
    """A forest teaches each family."""
    teacher, budget = own_teacher("forest", False, 0), Budget(flash_bytes=FLASH)
    requests = (SearchRequest("model_1", UNO, f, budget=budget) for f in FAMILIES_SHOWN)
    return [compared(r.family, distilled(dataset, teacher, r)) for r in requests]


def plane(seed: int) -> Dataset:
    """Few noisy rows of a plane, and many behind them that test."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-100, 101, size=(PLANE_ROWS + FRESH_ROWS, 2))
    y = 3 * x[:, 0] - 2 * x[:, 1] + rng.normal(0, 100, size=len(x)).astype(np.int64)
    inputs = tuple(Quantity(f"x{k}", "", STEP, -1.0, 1.0) for k in range(2))
    output = Quantity("y", "V", STEP, *(v * STEP for v in (y.min(), y.max())))
    places = np.arange(len(y))
    split = Split(places[:PLANE_ROWS], places[PLANE_ROWS:])
    return Dataset(Rows(x, y, inputs, output), split, Provenance("made"))


def noisy_planes() -> list[Compared]:
    """A linear model teaches a small tree."""
    request, teacher = SearchRequest("student", UNO, "tree"), Teacher("plane", LinearRegression())
    return [
        compared(f"seed {seed}", distilled(plane(seed), teacher, request, DRAWS))
        for seed in range(SEEDS)
    ]


def uniform(dataset: Dataset) -> Uniform:
    """Every reading drawn by itself, within the range of the training rows."""
    x, y = dataset.x[dataset.train], dataset.y[dataset.train]
    tests, truth = dataset.x[dataset.test], dataset.y[dataset.test]
    teacher = own_teacher("forest", False, 0).taught(dataset.training)
    rng = np.random.default_rng(0)
    size = 2 * UNIFORM_ROWS, x.shape[1]
    rows = rng.integers(x.min(axis=0), x.max(axis=0) + 1, size=size)
    labels = teacher(rows)
    tree, real = (DecisionTreeRegressor(max_depth=DEPTH, random_state=0) for _ in range(2))
    tree.fit(rows[:UNIFORM_ROWS], labels[:UNIFORM_ROWS])
    real.fit(x, y)
    answers = tree.predict(tests), real.predict(tests), teacher(tests), np.median(y)
    errors = (float(np.abs(a - truth).mean() * dataset.target.scale) for a in answers)
    agreed = r2_score(labels[UNIFORM_ROWS:], tree.predict(rows[UNIFORM_ROWS:]))
    return Uniform(*map(six_digits, (float(agreed), *errors)))


def as_text(plain: dict) -> str:
    """Everything, for people."""
    heads = ["student, folds", "plain, folds", "student, test rows", "plain, test rows", "kept"]
    told = []
    for title in ("benzene", "planes"):
        rows = [
            [c["what"], *(f"{v:.3f}" for v in list(c.values())[1:5]), c["kept"]]
            for c in plain[title]
        ]
        told.append(table([title, *heads], rows))
    seen = plain["uniform"]
    names = ["fidelity", "error on real rows", "fitted to real rows", "teacher", "median"]
    told.append(table(names, [[f"{v:.3f}" for v in seen.values()]]))
    return "\n\n".join(told) + "\n"


def figures() -> dict:
    """All of them, as the JSON file has them."""
    inputs, target, _ = TASKS["B"]
    dataset = prepare(load_table(find_data()), target, inputs=inputs, seed=0)
    return {
        "benzene": [asdict(c) for c in benzene(dataset)],
        "planes": [asdict(c) for c in noisy_planes()],
        "uniform": asdict(uniform(dataset)),
    }


if __name__ == "__main__":
    run_page(__doc__, figures, as_text)
