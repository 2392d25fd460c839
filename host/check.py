"""The verdict: every row's answer against the integer twin, bit for bit, and its LEDs against the
alarm thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from statistics import median_low
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..common.boards import Board
from ..model.fixedpoint import MISSING, NOT_SURE
from ..model.signals.any_model import AnyModel
from .protocol import Flag, Info, Pin, Result, Trait, digest
from .stream import RowReply

if TYPE_CHECKING:
    from .virtual.watch import PinChange

LightState = tuple[bool, int]  # the alarm is on; answers in a row that asked for the other state
START: LightState = (False, 0)
SETTLE_CYCLES = 1600  # red and green are written one after the other: 0.1 ms is no state


@dataclass(frozen=True)
class Alarm:
    """How a firmware turns answers into LEDs: the twin of firmware/include/tinygen_alarm.h."""

    threshold: int | None  # raw; red above it. None: never red above
    hysteresis: int = 0  # raw steps from the threshold inwards at which an alarm ends
    debounce: int = 0  # answers in a row, after the first, that a change needs
    dark_outside: bool = False  # both LEDs dark for a row outside of the accepted range
    below: int | None = None  # raw; red below it. None: never red below
    class_leds: int = 0  # so many LEDs show the classes, one each; 0: red and green are the alarm
    half_width: int = 0  # raw, of an answer's error bar: dark where it leaves the alarm open

    @staticmethod
    def of(model: AnyModel, info: Info) -> Alarm:
        """The alarm of the board that says `info`."""
        return Alarm(
            model.threshold,
            info.hysteresis,
            info.debounce,
            Trait.DARK_OUTSIDE in info.traits,
            model.alarm_below,
            model.class_leds,
            model.bars.half_width if model.bars else 0,
        )

    def step(self, state: LightState, answer: int) -> LightState:
        """The state after one answer."""
        red, asked = state
        if self.threshold is None and self.below is None:
            return state
        inwards = self.hysteresis if red else 0
        wanted = (self.threshold is not None and answer > self.threshold - inwards) or (
            self.below is not None and answer < self.below + inwards
        )
        if wanted == red:
            return red, 0
        return (wanted, 0) if asked == self.debounce else (red, asked + 1)

    def unsure(self, answer: int) -> bool:
        """True where the bar of an answer holds values that are an alarm and values that are
        none.
        """
        low, high = answer - self.half_width, answer + self.half_width
        return (self.threshold is not None and low <= self.threshold < high) or (
            self.below is not None and low < self.below <= high
        )

    def light(self, state: LightState, answer: int, flags: Flag) -> tuple[LightState, Pin]:
        """State and LEDs after one row; a row without an answer to show changes no state."""
        if flags & (Flag.MISSING | Flag.NOT_SURE):
            return state, Pin(0)
        if self.dark_outside and Flag.CLAMPED in flags:
            return state, Pin(0)
        if self.class_leds:
            return state, Pin(1 << answer)
        if self.unsure(answer):
            return state, Pin(0)
        state = self.step(state, answer)
        return state, Pin.RED if state[0] else Pin.GREEN


@dataclass(frozen=True)
class Expected:
    """What the board must answer, one entry per row."""

    prediction: tuple[int, ...]  # raw; MISSING where a value is missing
    flags: tuple[Flag, ...]
    digest: tuple[int, ...]  # of the clamped row, or of the row as sent where a value is missing
    pins: tuple[Pin, ...]  # when every row comes once; check() knows what a reset changes
    alarm: Alarm
    more: tuple[tuple[int, ...], ...] = ()  # the numbers behind the prediction; () with one number
    # the same for a board that has forgotten all rows before this one; None where it remembers none
    anew: Callable[[int], Expected] | None = None

    def __len__(self) -> int:
        return len(self.prediction)

    @property
    def unsure(self) -> int:
        """Rows whose error bar leaves open whether they are an alarm."""
        pairs = zip(self.prediction, self.flags)
        return sum(self.alarm.unsure(a) for a, flag in pairs if Flag.MISSING not in flag)

    def begun_at(self, row: int) -> Expected:
        """The same for a board that has forgotten all rows before this one."""
        if self.anew is None:
            return self
        later = self.anew(row)
        return replace(
            self,
            prediction=self.prediction[:row] + later.prediction,
            flags=self.flags[:row] + later.flags,
            more=self.more[:row] + later.more,
        )


@dataclass(frozen=True)
class StreamVerdict:
    """How a stream of rows went. `passed` is the one question; the counts say why."""

    rows: int  # rows expected
    wrong: int  # answered, but prediction, flags or digest differ from the twin's
    lost: int  # no answer that can be trusted
    retries: int  # rows sent again, in all
    led_wrong: int  # LED pins read back differ from what the twin's answer asks for
    missing: int  # rows with a missing value
    clamped: int  # rows with a value outside the accepted range
    red: int  # rows that lit the red LED, as expected or not
    seconds: float  # until the last answer, on the link's clock
    cycles_median: int | None  # by the chip, interrupts included; None without a prediction
    cycles_max: int | None
    first_difference: str | None  # one line on the first row that was not right
    not_sure: int = 0  # rows that no class is far enough ahead for
    unsure: int = 0  # rows whose error bar leaves open whether they are an alarm

    @property
    def passed(self) -> bool:
        """True if every row was answered and right, LEDs included."""
        return self.wrong == self.lost == self.led_wrong == 0 and self.rows > 0

    @property
    def rows_per_s(self) -> float:
        """Rows answered per second."""
        return (self.rows - self.lost) / self.seconds if self.seconds > 0 else 0.0


def expect(model: AnyModel, raw: ArrayLike, alarm: Alarm | None = None) -> Expected:
    """What a board with `model` must answer to raw rows of shape (n, inputs); `alarm` is the plain
    one by default.
    """
    half = model.bars.half_width if model.bars else 0
    alarm = alarm or Alarm(
        model.threshold, below=model.alarm_below, class_leds=model.class_leds, half_width=half
    )
    raw = np.asarray(raw, dtype=np.int64)
    missing = (raw == MISSING).any(axis=1)
    clamped, changed = model.saturate(raw)
    values = model.answers(raw)
    answers = values[:, 0]
    # no answer before the first window of a signal has ended; a sample that is missing is told so
    unsure = answers == MISSING if model.remembers else answers == NOT_SURE
    unsure &= model.remembers or model.sure_margin is not None
    present = np.where(changed, Flag.CLAMPED, 0) | np.where(unsure, Flag.NOT_SURE, 0)
    flags = tuple(map(Flag, np.where(missing, Flag.MISSING, present).tolist()))
    given = np.where(missing[:, None], raw, clamped)
    state, pins = START, []
    for answer, flag in zip(answers.tolist(), flags):
        state, lit = alarm.light(state, answer, flag)
        pins.append(lit)
    return Expected(
        tuple(answers.tolist()),
        flags,
        tuple(map(digest, given.tolist())),
        tuple(pins),
        alarm,
        tuple(map(tuple, values[:, 1:].tolist())) if model.values_per_row > 1 else (),
        (lambda row: expect(model, raw[row:], alarm)) if model.remembers else None,
    )


@dataclass
class Lights:
    """The LEDs that rows may show, in the order of their answers, over all streams of one link.

    A board whose alarm remembers takes one row at a time. A row that is lost may or may not have
    reached it, and a reset forgets everything: so there may be more than one state it can be in.
    """

    alarm: Alarm
    session: int | None = None
    states: set[LightState] = field(default_factory=lambda: {START})
    lost: list[tuple[int, Flag]] = field(default_factory=list)  # answer and flags of such rows

    def allowed(self, answer: int, flags: Flag, result: Result, anew: bool = False) -> set[Pin]:
        """What a row with this answer may show; afterwards only states that fit what it did show
        are left. `anew`: a board in the same session may have been reset.
        """
        states = self.states if self.session in (None, result.session) else {START}
        states = states | {START} if anew else states
        for row in self.lost:
            states = states | {self.alarm.light(state, *row)[0] for state in states}
        after = [self.alarm.light(state, answer, flags) for state in states]
        self.session, self.lost = result.session, []
        self.states = {state for state, pins in after if pins == result.pins} or {
            state for state, _ in after
        }
        return {pins for _, pins in after}


class Checker:
    """Takes replies one by one, as they come, and knows the verdict at any time.

    `lights` is what an earlier stream over the same link left of the alarm; a fresh board's where
    there was none.
    """

    def __init__(self, expected: Expected, lights: Lights | None = None) -> None:
        self.expected = expected
        self.first_difference: str | None = None
        self._unanswered = set(range(len(expected)))
        self._lights = lights or Lights(expected.alarm)
        self._wrong = self._led_wrong = self._retries = self._red = 0
        self._seconds = 0.0
        self._cycles: list[int] = []

    def add(self, reply: RowReply) -> str:
        """How this reply differs from what it should be, in a few words; empty if it does not."""
        self._retries += max(0, reply.tries - 1)
        if reply.result is None or reply.index not in self._unanswered:
            difference = f"lost ({reply.reason or 'answered twice'})"
            if reply.lost and reply.index in self._unanswered:
                self._lights.lost.append(self._answer(reply.index))
        else:
            difference = self._judge(reply, reply.result)
        if difference and not self.first_difference:
            self.first_difference = f"row {reply.index}: {difference}"
        return difference

    def _judge(self, reply: RowReply, result: Result) -> str:
        self._unanswered.remove(reply.index)
        self._seconds = max(self._seconds, reply.at_s)
        if reply.anew:
            self.expected = self.expected.begun_at(reply.index)
        answer = answer_difference(result, self.expected, reply.index)
        allowed = self._lights.allowed(*self._answer(reply.index), result, reply.anew)
        led = led_difference(result, allowed)
        self._wrong += bool(answer)
        self._led_wrong += bool(led)
        self._red += Pin.RED in result.pins
        if Flag.MISSING not in result.flags:
            self._cycles.append(result.cycles)
        return answer or led

    def _answer(self, row: int) -> tuple[int, Flag]:
        return self.expected.prediction[row], self.expected.flags[row]

    def verdict(self) -> StreamVerdict:
        """The verdict; a row that has had no reply is lost."""
        first = self.first_difference
        if self._unanswered and not first:
            first = f"row {min(self._unanswered)}: lost (no reply)"
        flags, cycles = self.expected.flags, self._cycles
        return StreamVerdict(
            len(self.expected),
            self._wrong,
            len(self._unanswered),
            self._retries,
            self._led_wrong,
            _count(flags, Flag.MISSING),
            _count(flags, Flag.CLAMPED),
            self._red,
            self._seconds,
            median_low(cycles) if cycles else None,
            max(cycles, default=None),
            first,
            _count(flags, Flag.NOT_SURE),
            self.expected.unsure,
        )


def check(
    replies: Iterable[RowReply], expected: Expected, lights: Lights | None = None
) -> StreamVerdict:
    """The verdict on all replies; a row without a reply, or with an index that is not its own, is
    lost. `lights` as in Checker.
    """
    checker = Checker(expected, lights)
    for reply in replies:
        checker.add(reply)
    return checker.verdict()


def answer_difference(result: Result, expected: Expected, row: int) -> str:
    """How an answer differs from what it should be; empty where it does not."""
    more = expected.more[row] if expected.more else ()
    if len(result.more) != len(more):
        return f"{len(result.values)} numbers, the twin has {1 + len(more)}"
    pairs = [
        ("prediction", result.prediction, expected.prediction[row]),
        ("flags", result.flags, expected.flags[row]),
        ("digest", result.digest, expected.digest[row]),
        *((f"number {k}", *pair) for k, pair in enumerate(zip(result.more, more), 2)),
    ]
    return next(
        (
            f"{name} {_show(got)}, the twin says {_show(right)}"
            for name, got, right in pairs
            if got != right
        ),
        "",
    )


def led_difference(result: Result, allowed: set[Pin]) -> str:
    return (
        ""
        if result.pins in allowed
        else f"LEDs {_show(result.pins)}, should be {' or '.join(map(_show, sorted(allowed)))}"
    )


def _show(value: int) -> str:
    if isinstance(value, (Flag, Pin)):
        return "+".join(str(part.name) for part in type(value) if int(value) & int(part)) or (
            "OK" if isinstance(value, Flag) else "dark"
        )
    return "MISSING" if value == MISSING else str(value)


def _count(flags: tuple[Flag, ...], flag: Flag) -> int:
    return sum(flag in value for value in flags)


# ---- what the pins really did ----


def lit(changes: Sequence[PinChange], board: Board) -> list[Pin]:
    """The states of the LEDs, one after the other, that lasted longer than SETTLE_CYCLES; dark
    at the start.
    """
    pins = dict(zip(board.led_ports, Pin))
    ours = [change for change in changes if change.pin in pins]
    state, states = Pin(0), [Pin(0)]
    for change, following in zip(ours, [*ours[1:], None]):
        state = state | pins[change.pin] if change.level else state & ~pins[change.pin]
        if following is None or following.cycle - change.cycle > SETTLE_CYCLES:
            states.append(state)
    return distinct(states)


def distinct(states: Iterable[Pin]) -> list[Pin]:
    """The states without repetitions of the one before."""
    return [state for state, _ in groupby(states)]
