"""Commands that may take long: they are heard of while they run, and they end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from .progress import Progress

# that tell a program to end; Windows has no SIGHUP
TO_END = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
Handler = Callable[[int, object], None]


class Terminated(BaseException):
    """The process was told to end: every `finally` and `with` on the way out still cleans up."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


def raise_when_told_to_end() -> None:
    """SIGTERM and SIGHUP raise Terminated in the main thread; the second one ends at once."""
    for number in TO_END:
        # a program that was started to ignore a signal, as by nohup, goes on ignoring it
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise)


@contextmanager
def told_to_end() -> Iterator[Callable[[], bool]]:
    """While it lasts, Ctrl-C and SIGTERM do no more than make this function answer True: for a step
    that ends well by itself. The second one of a kind ends at once. In another thread than the
    main one nothing changes.
    """
    told: list[int] = []

    def note(number: int, frame: object) -> None:
        told.append(number)
        signal.signal(number, before[number])

    with _handled([signal.SIGINT, signal.SIGTERM], note) as before:
        yield lambda: bool(told)


@contextmanager
def signals_held(stop: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While it lasts, a signal whose handler is a function only calls `stop`, and does at the end
    what it usually does. For a short step that is done as a whole, and for C code that calls back
    into Python: what a handler raises as a callback begins, before its first line, ctypes would
    print and forget.
    """
    told: list[int] = []

    def note(number: int, frame: object) -> None:
        told.append(number)
        stop()

    raising = [n for n in (signal.SIGINT, *TO_END) if callable(signal.getsignal(n))]
    with _handled(raising, note) as usual:
        yield
    for number in told:
        usual[number](number, None)


@contextmanager
def _handled(numbers: list[signal.Signals], handler: Handler) -> Iterator[dict[int, Any]]:
    """While it lasts, a function handles signals; gives what handles them otherwise. Signals are
    the main thread's: in any other nothing changes.
    """
    main = threading.current_thread() is threading.main_thread()
    before = {int(n): signal.signal(n, handler) for n in numbers} if main else {}
    try:
        yield before
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)


class _Held:
    """While it lasts, a signal waits: a child that is just being started must not be forgotten.

    Signals are the main thread's; in any other this does nothing.
    """

    active = False
    waiting: int | None = None

    def __enter__(self) -> None:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            _Held.active = True

    def __exit__(self, *error: object) -> None:
        if self._main:
            _Held.active = False
            number, _Held.waiting = _Held.waiting, None
            if number is not None:
                raise Terminated(number)


def _raise(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)
    if _Held.active:
        _Held.waiting = number
    else:
        raise Terminated(number)


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit code (None after a time-out) and all it printed."""

    code: int | None
    text: str


def run(
    command: list[str],
    what: str,
    progress: Progress,
    timeout_s: float,
    env: dict[str, str] | None = None,
    beat_s: float = 5.0,
) -> Finished:
    """Run `command` to its end or time-out; `progress` hears `what` at once and every `beat_s`
    seconds.
    """
    progress(what)
    child = None
    with tempfile.TemporaryFile() as log:
        try:
            with _Held():
                child = _started(command, log, env)
            if isinstance(child, str):
                return Finished(127, child)
            code = _wait(child, what, progress, timeout_s, beat_s)
        finally:
            if isinstance(child, subprocess.Popen):
                _end(child)
        log.seek(0)
        return Finished(code, log.read().decode("utf-8", errors="replace"))


def _started(
    command: list[str], log: IO[bytes], env: dict[str, str] | None
) -> subprocess.Popen[bytes] | str:
    """The running command, or why it does not run."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        return str(error)


def _wait(
    child: subprocess.Popen[bytes], what: str, progress: Progress, timeout_s: float, beat_s: float
) -> int | None:
    start = time.monotonic()
    while (spent := time.monotonic() - start) < timeout_s:
        try:
            return child.wait(min(beat_s, timeout_s - spent))
        except subprocess.TimeoutExpired:
            progress(f"{what}: {time.monotonic() - start:.0f} s")
    return None


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a command that still runs, with all it started."""
    if child.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait()


def last_line(text: str) -> str:
    """The last line that says something; for one-line messages."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"
