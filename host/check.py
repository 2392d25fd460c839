"""The verdict: every row's answer against the integer twin, bit for bit, and its LEDs against the threshold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median_low

import numpy as np

from tinygen.fixedpoint import MISSING
from tinygen.model import Model

from .protocol import Flag, Info, Pin, Result, Trait, digest
from .stream import RowReply

LightState = tuple[bool, int]       # the alarm is on; answers in a row that asked for the other state
START: LightState = (False, 0)


@dataclass(frozen=True)
class Alarm:
    """How a firmware turns answers into LEDs: the twin of firmware/include/tinygen_alarm.h."""

    threshold: int | None           # raw; None: never red
    hysteresis: int = 0             # raw steps below the threshold at which an alarm ends
    debounce: int = 0               # answers in a row, after the first, that a change needs
    dark_outside: bool = False      # both LEDs dark for a row outside of the accepted range

    @staticmethod
    def of(model: Model, info: Info) -> Alarm:
        """The alarm of the board that says `info`."""
        return Alarm(model.threshold, info.hysteresis, info.debounce, Trait.DARK_OUTSIDE in info.traits)

    def step(self, state: LightState, answer: int) -> LightState:
        """The state after one answer."""
        red, asked = state
        if self.threshold is None:
            return state
        wanted = answer > (self.threshold - self.hysteresis if red else self.threshold)
        if wanted == red:
            return red, 0
        return (wanted, 0) if asked == self.debounce else (red, asked + 1)

    def light(self, state: LightState, answer: int, flags: Flag) -> tuple[LightState, Pin]:
        """State and LEDs after one row; a row without an answer to show changes no state."""
        if Flag.MISSING in flags or (self.dark_outside and Flag.CLAMPED in flags):
            return state, Pin(0)
        state = self.step(state, answer)
        return state, Pin.RED if state[0] else Pin.GREEN


@dataclass(frozen=True)
class Expected:
    """What the board must answer, one entry per row."""

    prediction: tuple[int, ...]     # raw; MISSING where a value is missing
    flags: tuple[Flag, ...]
    digest: tuple[int, ...]         # of the clamped row, or of the row as sent where a value is missing
    pins: tuple[Pin, ...]           # as the alarm asks when every row comes once; check() knows what a reset changes
    alarm: Alarm

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


def expect(model: Model, raw, alarm: Alarm | None = None) -> Expected:
    """What a board with `model` must answer to raw rows of shape (n, inputs); `alarm` is the plain one by default."""
    alarm = alarm or Alarm(model.threshold)
    raw = np.asarray(raw, dtype=np.int64)
    missing = (raw == MISSING).any(axis=1)
    clamped, changed = model.saturate(raw)
    answers = model.answer(raw)
    flags = tuple(map(Flag, np.where(missing, Flag.MISSING, np.where(changed, Flag.CLAMPED, 0)).tolist()))
    given = np.where(missing[:, None], raw, clamped)
    state, pins = START, []
    for answer, flag in zip(answers.tolist(), flags):
        state, lit = alarm.light(state, answer, flag)
        pins.append(lit)
    return Expected(tuple(answers.tolist()), flags, tuple(map(digest, given.tolist())), tuple(pins), alarm)


@dataclass
class _Lights:
    """The LEDs that rows may show, in the order of their answers.

    A board whose alarm remembers takes one row at a time. A row that is lost may or may not have reached it, and a
    reset forgets everything: so there may be more than one state it can be in.
    """

    expected: Expected
    session: int | None = None
    states: set[LightState] = field(default_factory=lambda: {START})
    lost: list[int] = field(default_factory=list)

    def allowed(self, index: int, result: Result) -> set[Pin]:
        """What row `index` may show; afterwards only the states that fit what it did show are left."""
        states = self.states if self.session in (None, result.session) else {START}
        for row in self.lost:
            states = states | {self._light(state, row)[0] for state in states}
        after = [self._light(state, index) for state in states]
        self.session, self.lost = result.session, []
        self.states = {state for state, pins in after if pins == result.pins} or {state for state, _ in after}
        return {pins for _, pins in after}

    def _light(self, state: LightState, index: int) -> tuple[LightState, Pin]:
        return self.expected.alarm.light(state, self.expected.prediction[index], self.expected.flags[index])


def check(replies: Iterable[RowReply], expected: Expected) -> Verdict:
    """The verdict on all replies; a row without a reply, or with an index that is not its own, is lost."""
    unanswered = set(range(len(expected)))
    wrong = led_wrong = retries = red = 0
    seconds, cycles, first, lights = 0.0, [], None, _Lights(expected)
    for reply in replies:
        retries += max(0, reply.tries - 1)
        if reply.lost and reply.index in unanswered:
            lights.lost.append(reply.index)
        if reply.lost or reply.index not in unanswered:
            first = first or f"row {reply.index}: lost ({reply.reason or 'answered twice'})"
            continue
        unanswered.remove(reply.index)
        seconds = max(seconds, reply.at_s)
        answer = _answer_difference(reply.result, expected, reply.index)
        led = _led_difference(reply.result, lights.allowed(reply.index, reply.result))
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


def _answer_difference(result: Result, expected: Expected, row: int) -> str:
    """How an answer differs from what it should be; empty where it does not."""
    return next((f"{name} {_show(got)}, the twin says {_show(right)}" for name, got, right in (
        ("prediction", result.prediction, expected.prediction[row]),
        ("flags", result.flags, expected.flags[row]),
        ("digest", result.digest, expected.digest[row])) if got != right), "")


def _led_difference(result: Result, allowed: set[Pin]) -> str:
    return "" if result.pins in allowed else f"LEDs {_show(result.pins)}, should be {' or '.join(map(_show, sorted(allowed)))}"


def _show(value: int) -> str:
    if isinstance(value, (Flag, Pin)):
        return "+".join(part.name for part in type(value) if part in value) or ("OK" if isinstance(value, Flag) else "dark")
    return "MISSING" if value == MISSING else str(value)


def _count(flags: tuple[Flag, ...], flag: Flag) -> int:
    return sum(flag in value for value in flags)
