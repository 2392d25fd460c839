"""A guard for signals: is this window unlike all that were recorded while everything was well?

Distances of windows are judged on recordings that the guard was not fitted to. How far out an alarm
must be follows from their tail: what is beyond the 95 % quantile is taken for exponential (peaks
over threshold; Pickands 1975), so that a rate of one false alarm in days can be asked for with
hours of recordings. It is never below the farthest of these windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...common.boards import Board
from ...common.errors import UsageError
from ...common.tables import six_digits
from ...data.recordings import Recordings, WindowSpec
from ...families import guards
from ...model.fixedpoint import RAW_MAX, RAW_MIN, Quantity
from ...model.model import Model
from ...model.signals import SignalModel, Windows
from ...model.signals.signal_model import WINDOW_SUFFIX, voted
from ..guard import guard, wide
from .costs import SignalCost, measure_signals
from .pool import guard_front
from .window_rows import feature_quantities

TAIL = 0.05  # part of the held-back windows that shape the tail
BLOCKS = 5  # of a single recording, of which one is held back in turn
DAY_S = 86_400.0
LEAST_WINDOWS = 50


@dataclass(frozen=True)
class GuardRequest:
    """What a guard of signals is for."""

    name: str
    board: Board
    spec: WindowSpec
    family: str = "mahalanobis"
    alarms_per_day: float = 1.0  # most false alarms while everything is well
    votes: int = 3  # windows in a row that must be unusual


@dataclass(frozen=True)
class SignalGuard:
    """A guard, its cost, and what is known of its alarms."""

    model: SignalModel
    cost: SignalCost
    board: str


def find_signal_guard(
    recordings: Recordings, normal: Sequence[int], request: GuardRequest
) -> SignalGuard:
    """A guard fitted to the training recordings at the places `normal`.

    UsageError for too few windows or a rate that is none.
    """
    if not 0 < request.alarms_per_day <= DAY_S:
        raise UsageError(f"{request.alarms_per_day:g} alarms a day: give a number above 0")
    channels = tuple(map(wide, recordings.channels))
    front = guard_front(channels, recordings.rate_hz, request.spec)
    windows = front.run([one.raw for one in recordings.recordings])
    usual = [windows[k] for k in normal if len(windows[k])]
    none = np.zeros((0, len(front.features)), dtype=np.int64)
    x = np.concatenate([none, *(w.features for w in usual)])
    if len(x) < LEAST_WINDOWS:
        raise UsageError(
            f"{len(x)} windows to learn what is usual, at least {LEAST_WINDOWS} are needed: record "
            "more, or take a shorter --window or --hop"
        )
    inputs = feature_quantities(channels, recordings.rate_hz, front, x)
    part = min(request.alarms_per_day * request.spec.hop / recordings.rate_hz / DAY_S, 0.5)
    stem = f"{request.name}{WINDOW_SUFFIX}"
    bare = guard(_loosened(x), inputs, request.family, 0.0, stem)
    held = _held_back(usual, inputs, request)
    threshold = _threshold(held, part, bare)
    window_model = replace(bare, threshold=threshold)
    model = SignalModel(
        request.name, channels, recordings.rate_hz, front, window_model, request.votes
    )
    cost = measure_signals(model, request.board)
    told = _facts(model, recordings, windows, normal, request) | cost.facts(request.board)
    missing = list(recordings.provenance.missing)
    return SignalGuard(model.with_facts(signals=told, missing=missing), cost, request.board.pio_id)


def _loosened(x: np.ndarray) -> np.ndarray:
    """The rows one step up and one step down: a feature that hardly moves is allowed a step, since
    rounding alone can make that much.
    """
    return np.clip(np.concatenate([x - 1, x + 1]), RAW_MIN, RAW_MAX)


def _held_back(
    usual: list[Windows], inputs: tuple[Quantity, ...], request: GuardRequest
) -> np.ndarray:
    """The least distances of so many windows in a row as vote, each by a guard that was fitted to
    other recordings, or to other blocks where there is one recording.
    """
    runs = [w.features for w in usual]
    if len(runs) == 1:
        runs = np.array_split(runs[0], BLOCKS)
    parts = [runs[k::BLOCKS] for k in range(min(BLOCKS, len(runs)))]
    found = []
    for k, held in enumerate(parts):
        fitted = np.concatenate([run for j, part in enumerate(parts) if j != k for run in part])
        model = guard(_loosened(fitted), inputs, request.family, 0.0, "held_back")
        found += [voted(model.predict(run), request.votes, 0) for run in held]
    return np.concatenate(found)


def _threshold(distances: np.ndarray, part: float, model: Model) -> int:
    """Raw distance that this part of the windows of a usual time is beyond."""
    step = guards()[model.family].threshold(distances, max(part, 0.0))
    level = float(np.quantile(distances, 1 - TAIL))
    beyond = distances[distances > level] - level
    if part < TAIL and len(beyond):
        step = max(step, int(np.ceil(level + beyond.mean() * np.log(TAIL / part))))
    return int(min(step, max(model.bounds[-1].high) - 1, RAW_MAX - 1))


def _facts(
    model: SignalModel,
    recordings: Recordings,
    windows: list[Windows],
    normal: Sequence[int],
    request: GuardRequest,
) -> dict:
    """Plain JSON: alarms on the recordings, those that it learned from and the others."""
    each: list[dict[str, Any]] = []
    for k, one in enumerate(recordings.recordings):
        decided = model.window_model.alarm(model.decisions(windows[k]))
        each.append(
            {
                "name": one.name,
                "label": one.label,
                "learned": k in normal,
                "windows": len(decided),
                "alarms": int(decided.sum()),
            }
        )
    hours = sum(r["windows"] for r in each if r["learned"]) * model.hop_s / 3600
    return {
        "alarms_per_day": float(request.alarms_per_day),
        "hours_learned": six_digits(hours),
        "recordings": each,
    }
