"""A student's rows: what it is fitted to, and the real rows that judge it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from ...common.progress import Progress, silent
from ...data import Dataset, Rows
from ...data.splits import fold_blocks, groups_of
from ..cross_validation import fold_cuts
from ..workers import in_threads
from .neighbours import rows_between
from .teacher import Teacher

FOLDS = 3  # of the rows that a student is fitted to: a teacher answers the part it did not see


def student_rows(
    dataset: Dataset, teacher: Teacher, draws: int, progress: Progress = silent
) -> Dataset:
    """The data set of a student: in each fold it is fitted to labelled rows that are made of the
    fold's fitting rows alone, and judged on the fold's real rows and targets.

    The student's rows come behind the data set's own, whose positions stay; `split.train` names
    those that are made of all training rows. draws: rows drawn around each.
    """
    cuts = fold_cuts(dataset)
    parts = [fit for fit, _ in cuts] + [dataset.train]
    progress(f"asking the teacher {teacher.name} about {(1 + draws) * len(dataset.train):,} rows")
    made = in_threads(lambda part: _labelled(dataset, part, teacher, draws), parts)
    starts = len(dataset.y) + np.cumsum([0, *(len(rows.y) for rows in made)])
    places = [np.arange(start, end) for start, end in pairwise(starts)]
    split = replace(
        dataset.split,
        train=places[-1],
        cuts=tuple((place, validate) for place, (_, validate) in zip(places, cuts)),
    )
    return replace(dataset, rows=_joined([dataset.rows, *made]), split=split)


def _labelled(dataset: Dataset, part: np.ndarray, teacher: Teacher, draws: int) -> Rows:
    """What a student learns that may know the rows at `part`: these with their targets, these as a
    teacher answers that did not see them, and rows drawn around those, with the same teacher's
    answers and their own rows' weights.
    """
    seed, made = dataset.split.seed, [dataset.rows.take(part)]
    for held in fold_blocks(part, groups_of(dataset.x[part]), seed, FOLDS):
        answers = teacher.taught(dataset.rows.take(part[~np.isin(part, held)]))
        for times, x in (
            (1, dataset.x[held]),
            (draws, rows_between(dataset.x[held], draws, seed)),
        ):
            rows = dataset.rows.take(np.repeat(held, times))
            made.append(replace(rows, x=x, y=answers(x) if len(x) else rows.y))
    return _joined(made)


def _joined(parts: list[Rows]) -> Rows:
    """Rows one behind the other."""
    weights = [rows.weights for rows in parts if rows.weights is not None]
    return replace(
        parts[0],
        x=np.concatenate([rows.x for rows in parts]),
        y=np.concatenate([rows.y for rows in parts]),
        weights=np.concatenate(weights) if weights else None,
    )
