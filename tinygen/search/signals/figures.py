"""What is told of a chosen model of signals: recordings that it has not seen, what a large forest
reaches on the same features, and how much better both would look with windows split at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...common.boards import Board
from ...common.tables import six_digits
from ...data.recordings import Recordings
from ...families import FAMILIES
from ..cross_validation import rounded
from ..workers import one_thread
from .ladder import SignalRung
from .votes import runs_of
from .window_rows import WindowRows

TREES = 100
RANDOM_PART = 3  # of as many windows one tests where they are split at random


@dataclass(frozen=True)
class _Judged:
    """Answers to the test windows, and whether the majority of each recording is right."""

    error: float  # part of the windows
    recordings_wrong: int


def figures_of(recordings: Recordings, rows: WindowRows, rung: SignalRung, board: Board) -> dict:
    """Plain JSON: the model's figures on the recordings that test, and its cost on the board."""
    some = rows.only(rung.places)
    model, dataset = rung.model, some.dataset
    alone = np.concatenate([model.window_answers(w) for w in some.windows])
    decided = np.concatenate([model.decisions(w) for w in some.windows])
    judged = _judge(some, decided)
    confusion = np.zeros((len(model.labels),) * 2, dtype=int)
    np.add.at(confusion, (dataset.y[dataset.test], decided[dataset.test]), 1)
    return {
        "recordings_train": len(recordings.train),
        "recordings_test": len(recordings.test),
        "windows_train": len(dataset.train),
        "windows_test": len(dataset.test),
        "folds_error": rung.error,
        "error_rate": six_digits(judged.error),
        "window_error_rate": six_digits(_judge(some, alone).error),
        "recordings_wrong": judged.recordings_wrong,
        "confusion": confusion.tolist(),
        "recordings": _each(recordings, some, decided),
        **rung.cost.facts(board),
    }


def comparisons_of(rows: WindowRows, rung: SignalRung, seed: int) -> dict:
    """Plain JSON: what the figures compare with, a large forest on the same features, and windows
    split at random.
    """
    some = rows.only(rung.places)
    with one_thread():
        forest = _forest(some, some.dataset.train, some.dataset.test, seed)
        leak = _leaks(some, rung, seed)
    large = _judge(some, forest)
    return {
        "forest": {
            "trees": TREES,
            "error_rate": six_digits(large.error),
            "recordings_wrong": large.recordings_wrong,
        },
        "random_windows": leak,
    }


def _judge(some: WindowRows, answers: np.ndarray) -> _Judged:
    """Of answers to all windows, on those that test."""
    dataset = some.dataset
    truth, test = dataset.y, dataset.test
    if not len(test):
        return _Judged(0.0, 0)
    wrong = sum(
        majority(answers[test[run]], len(dataset.labels)) != truth[test[run][0]]
        for run in runs_of(some.recording, test)
    )
    return _Judged(float(np.mean(answers[test] != truth[test])), int(wrong))


def majority(answers: np.ndarray, classes: int) -> int:
    """The most frequent class, the first of those that are."""
    return int(np.bincount(answers, minlength=classes).argmax())


def _forest(some: WindowRows, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Answers of a large float forest on the same features; 0 where it was not asked."""
    from sklearn.ensemble import RandomForestClassifier

    x, y = some.dataset.x, some.dataset.y
    found = np.zeros(len(y), dtype=int)
    if len(test):
        forest = RandomForestClassifier(TREES, random_state=seed).fit(x[train], y[train])
        found[test] = forest.predict(x[test])
    return found


def _leaks(some: WindowRows, rung: SignalRung, seed: int) -> dict[str, float]:
    """Part of wrong windows where windows of one recording are on both sides: what not to
    believe.
    """
    x, y = some.dataset.x, some.dataset.y
    order = np.random.default_rng(seed).permutation(len(y))
    test, train = np.sort(order[::RANDOM_PART]), np.sort(np.delete(order, np.s_[::RANDOM_PART]))
    family = FAMILIES[rung.model.family]
    fitted = family.fit_all(some.dataset.rows.take(train), [rung.config], seed)[0]
    forest = _forest(some, train, test, seed)[test]
    return {
        "error_rate": six_digits(float(np.mean(rounded(fitted, x[test]) != y[test]))),
        "forest_error_rate": six_digits(float(np.mean(forest != y[test]))),
    }


def _each(recordings: Recordings, some: WindowRows, decided: np.ndarray) -> list[dict[str, Any]]:
    """Every recording that tests: its class, what most of its windows were called, wrong ones."""
    labels, test = recordings.labels, some.dataset.test
    return [
        {
            "name": (one := recordings.recordings[some.recording[test[run[0]]]]).name,
            "label": one.label,
            "group": one.group,
            "decided": labels[majority(decided[test[run]], len(labels))],
            "windows": len(run),
            "wrong": int(np.sum(decided[test[run]] != some.dataset.y[test[run]])),
        }
        for run in runs_of(some.recording, test)
    ]
