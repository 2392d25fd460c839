"""Rows into a board and answers back: each row is answered, or it is lost and said to be.

Up to `window` rows are in flight. A row whose answer does not come is sent again; the
board computes and does not count, so a second answer is the same as the first. What was damaged is
never used: an answer counts only with an intact check sum, the running session, the row's own
number, and the digest of the row's own values.

A model that remembers depends on the rows before. Where it cannot be known whether the board has
taken one, a row without values is sent first: the board begins anew with it, and the reply to the
next row says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..common.errors import LinkError, UsageError
from .link import Link
from .opening import HELLO_EVERY_SECONDS, without_ours
from .port import LinkLost
from .protocol import (
    MISSING_RAW,
    Code,
    Damage,
    Foreign,
    Info,
    Refusal,
    Result,
    digest,
)

TRIES = 5
SLACK_SECONDS = 0.1  # for an answer beyond the wire's time: the computer may be busy
SILENCE_SECONDS = 5.0  # a board that is silent for so long is gone; a bootloader takes up to 2 s
RESETS_PER_ROW = 5  # a row that resets the board again and again is given up
REVIVALS_PER_ROW = 3


@dataclass(frozen=True)
class RowReply:
    """What became of one row."""

    index: int  # of the row, from 0, in the order given
    result: Result | None  # None: lost
    tries: int  # times it was sent
    at_s: float  # seconds since the stream began, on the link's clock
    reason: str = ""  # why it is lost
    latency_s: float = 0.0  # from its first sending to its answer
    anew: bool = False  # the board has forgotten the rows before this one

    @property
    def lost(self) -> bool:
        """True if no answer to this row can be trusted."""
        return self.result is None


@dataclass
class _Pending:
    """A row on its way."""

    index: int
    seq: int
    row: Sequence[int]
    gap: bool = False  # a row without values that goes before row `index`, and is nobody's
    sent: int = 0  # times, in all
    tries: int = 0  # times that had a chance
    order: int = 0  # number of its last sending
    sent_early: float = 0.0  # clock() at its second sending, or the first if there is no other
    first_at: float = 0.0  # clock() at its first sending
    due: float = 0.0  # clock() when it is sent again
    resets: int = 0
    revivals: int = 0
    reason: str = "no answer"
    doubts: int = 0  # intact answers whose digest is not the row's


def stream(
    link: Link,
    rows: Iterable[Sequence[int]],
    window: int | None = None,
    tries: int = TRIES,
    timeout: float | None = None,
    pace: float = 0.0,
    reconnect: float = 0.0,
) -> Iterator[RowReply]:
    """One RowReply per row, in the order of the rows, as soon as it is known.

    `rows` holds raw int16 values, MISSING_RAW for none. `window` is at most the board's own, which
    is the default; `timeout` is the seconds before a row is sent again. With `pace`, a row is sent
    every so many seconds, for a replay in real time. LinkError when the board is gone for longer
    than `reconnect` seconds, resets again and again, or turns out to run another model.
    """
    window = link.info.window if window is None else window
    if not 1 <= window <= link.info.window:
        raise UsageError(
            f"window {window} is not within 1 .. {link.info.window}: that many rows fit the "
            "board's receive buffer"
        )
    if tries < 1:
        raise UsageError(f"{tries} tries per row: at least 1")
    return _Streamer(link, rows, window, tries, timeout, pace, reconnect).run()


def wire_seconds(link: Link, rows: int) -> float:
    """Seconds that `rows` rows and their answers need on the wire, one after the other."""
    return rows * (link.row_bytes + link.answer_bytes) * 10 / link.baud


class _Streamer:
    """The state of one stream."""

    def __init__(
        self,
        link: Link,
        rows: Iterable[Sequence[int]],
        window: int,
        tries: int,
        timeout: float | None,
        pace: float,
        reconnect: float,
    ) -> None:
        self.link = link
        self.rows = enumerate(rows)
        self.next_row = next(self.rows, None)
        self.pace = pace
        self.reconnect = reconnect
        self.window = window
        self.tries = tries
        self.timeout = timeout or SLACK_SECONDS + 2 * wire_seconds(link, window)
        self.limits = [q.limits for q in link.model.inputs]
        self.pending: dict[int, _Pending] = {}  # by seq
        self.finished: dict[int, RowReply] = {}  # by index, until its turn comes
        self.sendings = 0
        self.begun = link.clock()
        self.blank = [MISSING_RAW] * len(self.limits)
        self.unknown = link.model.remembers  # what the board remembers, and no gap was answered yet
        self.gap_tried = False  # before the next row
        self.anew = False  # the board has begun anew since the last answer to a row

    def run(self) -> Iterator[RowReply]:
        """All rows, in order."""
        turn = 0
        while self.pending or self.next_row:
            try:
                self._fill()
                self._listen(
                    min(
                        [p.due for p in self.pending.values()]
                        + [self._next_at()] * (not self.pending)
                    )
                )
                self._send_again()
            except LinkLost:
                if not self.reconnect:
                    raise
                self._reconnect()
            while turn in self.finished:
                yield self.finished.pop(turn)
                turn += 1

    # ---- sending ----

    def _next_at(self) -> float:
        """clock() at which the next row may be sent."""
        return self.begun + self.next_row[0] * self.pace if self.next_row and self.pace else 0.0

    def _fill(self) -> None:
        """Sends new rows while the window is open; answers that wait for an older row's turn count
        as well.
        """
        while (
            self.next_row
            and len(self.pending) < self.window
            and len(self.finished) < 100
            and self._next_at() <= self.link.clock()
        ):
            index, row = self.next_row
            self.gap_tried = self.unknown and not self.gap_tried
            if self.gap_tried:
                self._begin(index, self.blank, gap=True)
                continue
            self.next_row = next(self.rows, None)
            self._begin(index, [int(value) for value in row])

    def _begin(self, index: int, row: Sequence[int], gap: bool = False) -> None:
        """Sends a row for the first time."""
        pending = _Pending(index, self.link.next_seq, row, gap)
        self.link.next_seq = (pending.seq + 1) % 256
        self.pending[pending.seq] = pending
        self._send(pending)

    def _send(self, pending: _Pending) -> None:
        link = self.link
        link.send_row(pending.seq, pending.row)
        now = self.link.clock()
        if not pending.sent:
            pending.first_at = now
        if pending.tries < 2:  # the first may have gone out before the board's last word
            pending.sent_early = now
        pending.tries += 1
        pending.sent += 1
        self.sendings += 1
        pending.order = self.sendings
        pending.due = now + self.timeout

    def _send_again(self) -> None:
        """Sends every overdue row again, or gives it up."""
        for pending in sorted(self.pending.values(), key=lambda p: p.order):
            if self.pending.get(pending.seq) is not pending or self.link.clock() < pending.due:
                continue
            if pending.tries < self.tries:
                self._send(pending)
            elif self.link.heard_at < pending.sent_early and pending.revivals < REVIVALS_PER_ROW:
                self._revive()
            else:
                self._finish(pending, None, pending.reason)

    def _revive(self) -> None:
        """Waits for a board that says nothing, perhaps because it starts anew; then all rows have
        their tries again.
        """
        end = self.link.clock() + SILENCE_SECONDS
        before = self.link.heard_at
        while self.link.heard_at == before:
            if self.link.clock() >= end:
                oldest = min(p.index for p in self.pending.values())
                raise LinkLost(
                    f"the board at {self.link.name} fell silent at row {oldest}: "
                    "check cable and power, then stream again"
                )
            self.link.send(self.link.greeting)
            self._listen(self.link.clock() + HELLO_EVERY_SECONDS)
        for pending in self.pending.values():
            pending.revivals += 1
            pending.tries = 0
            pending.due = self.link.clock()

    def _reconnect(self) -> None:
        """Opens the port anew until the board is back; then the rows on their way have their tries
        again.
        """
        before, session = self.link.clock(), self.link.session
        self.link.reopen(self.reconnect)
        info = self.link.info
        self.begun += min(0.0, self.link.clock() - before)  # a new simulated board begins at zero
        self._begin_again()
        for pending in self.pending.values():
            pending.tries = 0
        if info.session != session or info.booted:
            self.unknown, self.anew = False, True
        elif self.link.model.remembers:
            self._gap_first()

    def _gap_first(self) -> None:
        """Holds the row on its way back until a gap is answered: a board that lost its power may
        have come back with the number of the session before.
        """
        self.unknown = True
        held = [pending for pending in self.pending.values() if not pending.gap]
        if held and len(held) == len(self.pending):
            self._begin(held[0].index, self.blank, gap=True)
            for pending in held:
                pending.due = float("inf")

    def _begin_again(self) -> None:
        """After a reset or a lost cable every row on its way is sent again, but not for ever."""
        for pending in self.pending.values():
            pending.resets += 1
            if pending.resets > RESETS_PER_ROW:
                raise LinkError(
                    f"the board at {self.link.name} was reset {pending.resets} times at row "
                    f"{pending.index}: check its power supply"
                )
            pending.due = 0.0

    # ---- listening ----

    def _listen(self, until: float) -> None:
        """Takes what the board says, at least once and until something came or the time is over."""
        for reply in self.link.receive(max(0.0, until - self.link.clock())):
            match reply:
                case Result():
                    self._on_result(reply)
                case Info():
                    self._on_info(reply)
                case Refusal():
                    self._on_refusal(reply)
                case Damage() | Foreign() | _:
                    pass  # the row's time will run out

    def _on_result(self, result: Result) -> None:
        pending = self.pending.get(result.seq)
        if pending is None or result.session != self.link.session:
            return  # a late answer to a row that is done, or one from before a reset
        if result.digest != self._digest(pending.row):
            self._doubt(pending, result)
            return
        self._finish(pending, result)
        if pending.tries == 1:
            self._skipped(pending.order)

    def _skipped(self, order: int) -> None:
        """The board answers in order: rows sent before the one just answered got lost."""
        for pending in self.pending.values():
            if pending.order < order:
                pending.due = 0.0

    def _on_info(self, info: Info) -> None:
        if info.session == self.link.session and not info.booted:
            return
        self.link.adopt(info)
        self.unknown, self.anew = False, True
        self._begin_again()
        for pending in self.pending.values():
            pending.tries = max(0, pending.tries - 1)  # that try had no chance

    def _on_refusal(self, refusal: Refusal) -> None:
        if refusal.code == Code.MODEL_CORRUPT:
            raise LinkError(
                f"the board at {self.link.name} says that its model's table in flash is corrupt: "
                "load the firmware again"
            )
        if refusal.code == Code.WRONG_MODEL:  # of a board with several, loaded anew meanwhile
            raise LinkError(without_ours(self.link))
        if refusal.session != self.link.session:
            self.link.send(self.link.greeting)  # it was reset: its INFO tells the new session
        elif refusal.code == Code.BAD_FCS and self.pending:
            min(self.pending.values(), key=lambda p: p.order).due = 0.0  # most likely the oldest
        elif refusal.code not in (Code.OVERRUN, Code.BUSY) and refusal.seq in self.pending:
            self.pending[refusal.seq].reason = f"refused with {refusal.code.name}"
            self.pending[refusal.seq].due = 0.0

    def _doubt(self, pending: _Pending, result: Result) -> None:
        """Noise makes a wrong digest once; a board that clamps wrongly makes it every time, and
        check must see that.
        """
        pending.doubts += 1
        pending.reason, pending.due = "answers to other values than were sent", 0.0
        if pending.doubts == self.tries:
            self._finish(pending, result)

    def _finish(self, pending: _Pending, result: Result | None, reason: str = "") -> None:
        del self.pending[pending.seq]
        if result is None:
            self.unknown |= self.link.model.remembers
        elif MISSING_RAW in pending.row:
            self.unknown = False
            self.anew |= pending.gap
        elif self.unknown:
            result, reason = None, "the rows before it that the board has taken are not known"
        if pending.gap:
            for waiting in self.pending.values():
                waiting.due = 0.0
            return
        anew, self.anew = self.anew, self.anew and result is None
        now = self.link.clock()
        self.finished[pending.index] = RowReply(
            pending.index,
            result,
            pending.sent,
            now - self.begun,
            reason,
            max(0.0, now - pending.first_at),  # a new simulated board begins at zero
            anew,
        )

    def _digest(self, row: Sequence[int]) -> int:
        """The digest of what the board gives to its model: a row with a missing value as it is,
        others clamped.
        """
        if MISSING_RAW in row:
            return digest(row)
        return digest([min(max(value, low), high) for value, (low, high) in zip(row, self.limits)])
