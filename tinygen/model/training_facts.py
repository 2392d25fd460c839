"""What a model file tells of the training, where it is read again: the shapes that are checked."""

from __future__ import annotations

from typing import Any, NoReturn, TypedDict

from ..common.errors import ModelError
from .confidence.error_bars import BarFacts
from .confidence.not_sure import Answered
from .parts import Recalibrated


class _Confusion(TypedDict, total=False):
    right: int
    missed: int
    false: int
    quiet: int


class _LearnedAlarm(TypedDict, total=False):
    cost: dict[str, float]
    level: int
    threshold: int
    level_below: int
    alarm_below: int
    at_level: _Confusion
    learned: _Confusion
    test_at_level: _Confusion
    test_learned: _Confusion


class _Reject(TypedDict, total=False):
    rate: float
    unseen: Answered
    test: Answered


class _Metrics(TypedDict, total=False):
    mae: float
    float_mae: float
    rmse: float
    r2: float
    accuracy: float
    error_rate: float
    float_error_rate: float
    confusion: tuple[tuple[int, ...], ...]
    recall: dict[str, float | None]


class _Sketch(TypedDict, total=False):
    name: str
    knots: tuple[int, ...]
    share: tuple[float, ...]
    run: int
    ks: tuple[float, ...]
    psi: tuple[float, ...]


class _Reference(TypedDict, total=False):
    rows: int
    lengths: tuple[int, ...]
    sketches: tuple[_Sketch, ...]
    missing: float
    alarm: float | None
    alarm_own: tuple[float, ...]


class _Finding(TypedDict, total=False):
    severity: str
    kind: str
    columns: tuple[str, ...]
    what: str
    effect: str
    advice: str


class _Converted(TypedDict, total=False):
    own_answers: bool


class _Worst(TypedDict, total=False):
    line: int | str | None
    inputs: dict[str, float]
    true: float | str
    float_answer: float | str
    integer_answer: float | str


class _Verdict(TypedDict, total=False):
    board: str
    rows: int
    float_error: float
    integer_error: float
    differing: int
    margin: float
    worst: _Worst | None
    own_spread: float | None
    alarms: dict[str, int] | None
    integer: dict[str, int]
    float: dict[str, int] | None
    float_gap: int | None


class Training(TypedDict, total=False):
    """Facts of `Model.training` that are read again; a fact may be missing, and others may stand
    beside them.
    """

    rows_train: int
    rows_test: int
    rows_read: int
    rows_dropped: int
    repeated: int
    duplicates_removed: int
    alarms_train: int
    alarms_test: int
    split: str
    seed: int
    missing: tuple[float | str, ...]
    source: str
    sha256: str
    config: dict[str, Any]
    candidate_inputs: tuple[str, ...]
    categories: tuple[str, ...]
    time_inputs: tuple[str, ...]
    beside: tuple[str, ...]
    together: dict[str, Any]
    date_order: str
    metrics: _Metrics
    alarm: dict[str, int]
    learned_alarm: _LearnedAlarm
    reject: _Reject
    error_bars: BarFacts
    weighting: dict[str, Any]
    baseline: _Reference
    verdict: _Verdict
    findings: tuple[_Finding, ...]
    converted: _Converted
    recalibrated: Recalibrated
    unseen_spread: float


class Facts(dict[str, Any]):
    """A JSON object of `training`; a fact that is not there is a ModelError and names itself."""

    def __missing__(self, name: str) -> NoReturn:
        raise ModelError(
            f"the model file does not tell '{name}' of its training: train it again with this "
            "version of tinygen"
        )
