"""The door: `record` takes samples from a board until there are enough, and hands each on in order.

Samples are numbered by the board. A number that did not come is asked for again while the board
still keeps it; after that it is lost, and handed on as lost. Nothing is handed on twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...common.errors import LinkError
from ...common.progress import Progress, silent
from ..link import HELLO_EVERY_SECONDS, Link, LinkLost
from ..protocol import MISSING_RAW, Code, Info, Refusal, Samples, frame_bytes
from ..samples import RECORD, again, start, stop
from .timing import BITS_PER_BYTE, Timing

Sink = Callable[[int, tuple[int, ...] | None], None]  # number and raw values; None: lost
Stop = Callable[[], bool]  # asked again and again; True ends the recording

START_SECONDS = 3.0  # for the answer to START, which is sent again and again
SILENCE_SECONDS = 5.0  # of a board that says something ten times a second
AGAIN_SECONDS = 0.06  # on top of the wire's time, before samples are asked for once more
AGAIN_TRIES = 50  # for the same sample; the board keeps it, but no answer comes
STOP_SECONDS = 2.0  # for what is still on its way after STOP
SLACK_SECONDS = 2.0  # by which a board's clock may be ahead of ours: no number can be beyond
LISTEN_SECONDS = 0.05
NO_SENSOR = {  # the driver's error codes: firmware/sensors/tinygen_twi.h
    1: "nothing answers at its address on the I2C bus",
    2: "the I2C bus is stuck",
    3: "another device answers at its address",
}


@dataclass(frozen=True)
class Recording:
    """What became of a recording."""

    samples: int  # in all, lost ones among them
    lost: tuple[tuple[int, int], ...]  # (number of the first, how many) of samples that are lost
    missing: tuple[tuple[int, int], ...]  # the same of samples the sensor gave no value for
    overruns: int  # samples that the board overwrote before it could send them
    jitter_ticks: int  # largest lateness of a sample, in ticks of the board's timer
    asked_again: int  # times that samples were asked for again
    damaged: int  # frames from the board that were damaged
    timing: Timing
    stopped: bool = False  # because it was told to, before there were enough
    failure: str = ""  # why it ended early; what came before is whole

    @property
    def lost_samples(self) -> int:
        """Samples without a value in the file."""
        return sum(count for _, count in (*self.lost, *self.missing))

    @property
    def seconds(self) -> float:
        """From the first sample to where the next would be."""
        return self.samples / self.timing.rate_hz


def record(
    link: Link,
    channels: int,
    timing: Timing,
    samples: int,
    sink: Sink,
    stop: Stop = lambda: False,
    progress: Progress = silent,
) -> Recording:
    """Records `samples` samples (0: until `stop`), each handed to `sink` in order.

    LinkError where the board does not begin. Where it is lost or reset later, the recording ends
    with its `failure`, and what came before is kept.
    """
    return _Recorder(link, channels, timing, samples, sink, progress).run(stop)


class _Recorder:
    """The state of one recording."""

    def __init__(
        self,
        link: Link,
        channels: int,
        timing: Timing,
        samples: int,
        sink: Sink,
        progress: Progress,
    ) -> None:
        self.link, self.channels, self.timing = link, channels, timing
        self.samples, self.sink, self.progress = samples, sink, progress
        self.session, self.seq = link.session, link.next_seq
        link.next_seq = (link.next_seq + 1) % 256
        self.next = 0  # number of the first sample that was not handed on
        self.known: dict[int, tuple[int, ...]] = {}  # beyond it
        self.heard = 0  # the board has sent all below
        self.lost: list[tuple[int, int]] = []
        self.missing: list[tuple[int, int]] = []
        self.overruns = self.late = self.asked = 0
        self.started = self.drained = False
        self.asked_for, self.ask_at, self.tries = -1, 0.0, 0
        self.begun = self.heard_at = self.new_at = link.clock()

    def run(self, stop: Stop) -> Recording:
        """Everything, from START to the result."""
        stopped, failure = False, ""
        damaged = self.link.decoder.damaged
        self._start()
        try:
            while not self._enough() and not (stopped := stop()):
                self._step()
            if stopped:
                self._stop()
        except LinkError as error:
            failure = str(error)
        return Recording(
            self.next,
            tuple(self.lost),
            tuple(self.missing),
            self.overruns,
            self.late,
            self.asked,
            self.link.decoder.damaged - damaged,
            self.timing,
            stopped,
            failure,
        )

    def _enough(self) -> bool:
        return bool(self.samples) and self.next >= self.samples

    def _start(self) -> None:
        end = self.link.clock() + START_SECONDS
        ticks, periods = self.timing.ticks, self.timing.periods
        question = start(self.session, self.seq, ticks - 1, periods, self.samples)
        while not self.started:
            if self.link.clock() >= end:
                raise LinkError(
                    f"the board at {self.link.name} does not begin to record within "
                    f"{START_SECONDS:g} s: reset it and try again"
                )
            self.link.send(question)
            until = self.link.clock() + HELLO_EVERY_SECONDS
            while not self.started and (left := until - self.link.clock()) > 0:
                self._listen(left)

    def _stop(self) -> None:
        """Ends the recording with all that the board has taken."""
        end = self.link.clock() + STOP_SECONDS
        self.drained = False
        while not self.drained and self.link.clock() < end:
            self.link.send(stop(self.session, self.seq))
            until = self.link.clock() + HELLO_EVERY_SECONDS
            while not self.drained and self.link.clock() < until:
                self._step()

    def _step(self) -> None:
        self._listen(LISTEN_SECONDS)
        self._ask()
        if self._enough():
            return
        if self.link.clock() - self.heard_at > SILENCE_SECONDS:
            raise LinkLost(
                f"the board at {self.link.name} fell silent at sample {self.heard}: check cable "
                "and power"
            )
        if self.link.clock() - self.new_at > SILENCE_SECONDS + 2 / self.timing.rate_hz:
            raise LinkError(
                f"the board at {self.link.name} takes no more samples after {self.heard}: reset it "
                "and record again"
            )
        total = f" of {self.samples:,}" if self.samples else ""
        self.progress(f"recording: {self.next:,}{total} samples")

    # ---- listening ----

    def _listen(self, seconds: float) -> None:
        for reply in self.link.receive(seconds):
            match reply:
                case Samples():
                    self._on_samples(reply)
                case Info() if reply.session != self.session:
                    raise self._reset()
                case Refusal():
                    self._on_refusal(reply)

    def _on_refusal(self, refusal: Refusal) -> None:
        if refusal.code == Code.NO_SENSOR and refusal.seq == self.seq and not self.started:
            why = NO_SENSOR.get(refusal.detail, f"error {refusal.detail}")
            raise LinkError(
                f"the sensor at the board at {self.link.name} cannot be read, {why}: check its "
                "wiring (SDA, SCL, supply) and record again"
            )
        if refusal.code == Code.MODEL_CORRUPT:
            raise LinkError(
                f"the board at {self.link.name} says that its program in flash is corrupt: "
                "load the firmware again"
            )
        if refusal.session != self.session:  # its INFO tells whether that is true
            self.link.send(self.link.greeting)

    def _reset(self) -> LinkError:
        return LinkError(
            f"the board at {self.link.name} was reset at sample {self.heard}: check its power "
            "supply and record again"
        )

    def _on_samples(self, got: Samples) -> None:
        if (got.session, got.seq) != (self.session, self.seq) or len(got.values) % self.channels:
            return
        count = len(got.values) // self.channels
        if got.first + count > self._most():
            return  # noise that passed the check sum
        if not self.started:
            self.started, self.begun = True, self.link.clock()
        self.heard_at = self.link.clock()
        more = (got.unsent - self.overruns) % 65536  # it counts up
        self.overruns += more if more < 32768 else 0
        self.late = max(self.late, got.late)
        for place in range(count):
            if (number := got.first + place) >= self.next:
                values = got.values[place * self.channels : (place + 1) * self.channels]
                self.known.setdefault(number, values)
        if got.first + count > self.heard:
            self.heard, self.new_at = got.first + count, self.heard_at
        self._hand_on(got.oldest)
        self.drained = count == 0 and self.next >= got.first

    def _most(self) -> float:
        """A number that no sample can have by now."""
        passed = self.link.clock() - self.begun + SLACK_SECONDS
        by_clock = 100 + 1.05 * self.timing.rate_hz * passed
        return min(by_clock, self.samples) if self.samples else by_clock

    def _hand_on(self, oldest: int) -> None:
        """Hands on what is known in order, and as lost what the board no longer keeps."""
        while True:
            if (values := self.known.pop(self.next, None)) is not None:
                gone = MISSING_RAW in values
                if gone:
                    _add(self.missing, self.next)
                self.sink(self.next, None if gone else values)
            elif self.next < min(oldest, self.heard):
                self._lose()
            else:
                return
            self.next += 1

    def _lose(self) -> None:
        _add(self.lost, self.next)
        self.sink(self.next, None)

    # ---- asking ----

    def _ask(self) -> None:
        """Asks for the first samples that did not come, and once more when no answer comes."""
        if self.next >= self.heard:
            return None
        now = self.link.clock()
        if self.asked_for != self.next:
            self.asked_for, self.ask_at, self.tries = self.next, now, 0
        if now < self.ask_at:
            return None
        end = min(self.known, default=self.heard)
        if self.tries == AGAIN_TRIES:
            self._lose()
            self.next += 1
            return self._hand_on(0)
        self.link.send(again(self.session, self.seq, self.next, min(end - self.next, 65535)))
        self.tries += 1
        self.asked += 1
        self.ask_at = now + AGAIN_SECONDS + self._wire_seconds()
        return None

    def _wire_seconds(self) -> float:
        """For the question, a ring full of bytes before its answer, and the answer."""
        octets = frame_bytes(RECORD.size) + 2 * 128
        return octets * BITS_PER_BYTE / self.link.baud


def _add(ranges: list[tuple[int, int]], number: int) -> None:
    """Adds a number to ranges that it is behind."""
    if ranges and sum(ranges[-1]) == number:
        ranges[-1] = ranges[-1][0], ranges[-1][1] + 1
    else:
        ranges.append((number, 1))
