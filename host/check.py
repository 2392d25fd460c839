"""The verdict: every row's answer against the integer twin, bit for bit, and its LEDs against the threshold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median_low

import numpy as np

from tinygen.fixedpoint import MISSING
from tinygen.model import Model

from .protocol import Flag, Pin, Result, digest
from .stream import RowReply


@dataclass(frozen=True)
class Expected:
    """What the board must answer, one entry per row."""

    prediction: tuple[int, ...]     # raw; MISSING where a value is missing
    flags: tuple[Flag, ...]
    digest: tuple[int, ...]         # of the clamped row, or of the row as sent where a value is missing
    pins: tuple[Pin, ...]           # red above the threshold, green at it and below, none where a value is missing

    def __len__(self) -> int:
        return len(self.prediction)


@dataclass(frozen=True)
class Verdict:
    """How a stream of rows went. `passed` is the one question; the counts say why."""

    rows: int                       # rows expected
    wrong: int                      # answered, but prediction, flags or digest differ from the twin's
    lost: int                       # no answer that can be trusted
    retries: int                    # rows sent again, in all
    led_wrong: int                  # LED pins read back differ from what the twin's answer asks for
    missing: int                    # rows with a missing value
    clamped: int                    # rows with a value outside the accepted range
    red: int                        # rows that lit the red LED, as expected or not
    seconds: float                  # until the last answer, on the link's clock
    cycles_median: int | None       # as the chip measured them, interrupts included; None without a prediction
    cycles_max: int | None
    first_difference: str | None    # one line on the first row that was not right

    @property
    def passed(self) -> bool:
        """True if every row was answered and right, LEDs included."""
        return self.wrong == self.lost == self.led_wrong == 0 and self.rows > 0

    @property
    def rows_per_s(self) -> float:
        """Rows answered per second."""
        return (self.rows - self.lost) / self.seconds if self.seconds > 0 else 0.0


def expect(model: Model, raw) -> Expected:
    """What a board with `model` must answer to raw rows of shape (n, inputs)."""
    raw = np.asarray(raw, dtype=np.int64)
    missing = (raw == MISSING).any(axis=1)
    clamped, changed = model.saturate(raw)
    answers = model.answer(raw)
    flags = np.where(missing, Flag.MISSING, np.where(changed, Flag.CLAMPED, 0))
    pins = np.where(missing, 0, np.where(model.alarm(answers), Pin.RED, Pin.GREEN))
    given = np.where(missing[:, None], raw, clamped)
    return Expected(tuple(answers.tolist()), tuple(map(Flag, flags.tolist())), tuple(map(digest, given.tolist())),
                    tuple(map(Pin, pins.tolist())))


def check(replies: Iterable[RowReply], expected: Expected) -> Verdict:
    """The verdict on all replies; a row without a reply, or with an index that is not its own, is lost."""
    unanswered = set(range(len(expected)))
    wrong = led_wrong = retries = red = 0
    seconds, cycles, first = 0.0, [], None
    for reply in replies:
        retries += max(0, reply.tries - 1)
        if reply.lost or reply.index not in unanswered:
            first = first or f"row {reply.index}: lost ({reply.reason or 'answered twice'})"
            continue
        unanswered.remove(reply.index)
        seconds = max(seconds, reply.at_s)
        answer, led = _differences(reply.result, expected, reply.index)
        wrong, led_wrong = wrong + bool(answer), led_wrong + bool(led)
        red += Pin.RED in reply.result.pins
        if Flag.MISSING not in reply.result.flags:
            cycles.append(reply.result.cycles)
        if answer or led:
            first = first or f"row {reply.index}: {answer or led}"
    if unanswered:
        first = first or f"row {min(unanswered)}: lost (no reply)"
    return Verdict(len(expected), wrong, len(unanswered), retries, led_wrong, _count(expected.flags, Flag.MISSING),
                   _count(expected.flags, Flag.CLAMPED), red, seconds, median_low(cycles) if cycles else None,
                   max(cycles, default=None), first)


def _differences(result: Result, expected: Expected, row: int) -> tuple[str, str]:
    """How an answer and its LEDs differ from what they should be; empty where they do not."""
    answer = next((f"{name} {_show(got)}, the twin says {_show(right)}" for name, got, right in (
        ("prediction", result.prediction, expected.prediction[row]),
        ("flags", result.flags, expected.flags[row]),
        ("digest", result.digest, expected.digest[row])) if got != right), "")
    led = "" if result.pins == expected.pins[row] else f"LEDs {_show(result.pins)}, should be {_show(expected.pins[row])}"
    return answer, led


def _show(value: int) -> str:
    if isinstance(value, (Flag, Pin)):
        return "+".join(part.name for part in type(value) if part in value) or ("OK" if isinstance(value, Flag) else "dark")
    return "MISSING" if value == MISSING else str(value)


def _count(flags: tuple[Flag, ...], flag: Flag) -> int:
    return sum(flag in value for value in flags)
