"""Monitoring while it happens: rows come one by one, a board answers them, each full window is
judged at once.

    monitor_live(model, log, port) -> Monitoring

Rows are those of a CSV file, or of standard input (`-`), where a gateway or a script writes a line
whenever it has read the sensors. The board at the port answers them, and its own answers are
watched: besides the checks of `monitor`, that every row is answered and that the answer is the
integer twin's. Without a port the twin answers.
"""

from __future__ import annotations

import os
import select
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import data
from ..codegen.emit import emit_project
from ..common.boards import find_board, require_simulated
from ..common.errors import DataError, UsageError
from ..common.progress import Progress, silent
from ..data.reference import SMALLEST_WINDOW, missing_codes
from ..host import calibration, discover
from ..host.link import open_link
from ..host.stream import stream
from ..host.virtual.protocol_avr import avr_url
from ..model.fixedpoint import MISSING
from ..model.model import Model, load
from ..model.outputs import require_one_output
from ..report.drift import Monitoring, Window, checked_window, judge
from ..report.monitor_files import require_places, write_files
from ..target.build import build_program
from ._live_rows import text_rows
from .monitor import STDIN

STOPPED = "stopped by Ctrl-C"
LONGEST_LINE = 1 << 16  # bytes without a line end


@dataclass(frozen=True)
class Plan:
    """How long rows are watched and how fast they are sent."""

    rows: int | None = None  # at most; None: until they end
    seconds: float | None = None  # at most, of the host's clock
    pace: float = 0.0  # seconds from row to row; 0: as they come
    reconnect: float = 0.0  # seconds to wait for a board that was unplugged
    baud: int | None = None


@dataclass(frozen=True)
class Answered:
    """One row and what was answered."""

    row: np.ndarray  # raw (inputs,)
    answer: int  # raw; MISSING where a value was missing or the row was lost
    right: bool  # the board's answer came and is the twin's


def monitor_live(
    model: Path,
    log: Path,
    port: str | None = None,
    board: str = "uno",
    window: int | None = None,
    plan: Plan = Plan(),
    files: dict[str, Path | None] | None = None,
    progress: Progress = silent,
) -> Monitoring:
    """Watches rows as they come, until they end, `plan` ends, or Ctrl-C; every full window rewrites
    the `files`.

    files: what `report.monitor_files.write_files` takes. DataError where fewer rows came than say
    anything.
    """
    twin, files = require_one_output(load(model), "monitor"), files or {}
    require_places(files)
    window = checked_window(twin, window)
    rows = until(stdin_rows(twin, plan) if log == STDIN else file_rows(twin, log), plan)
    result = Monitoring(
        twin, "standard input" if log == STDIN else log.name, window, (), by_board=port is not None
    )
    with answering(twin, port, board, plan, progress) as answers:
        try:
            for newest in windows(result, answers(rows), progress):
                result = newest
                write_files(result, files)
        except KeyboardInterrupt:  # while a file was written: what is judged stands
            write_files(result := replace(result, notes=(*result.notes, STOPPED)), files)
    return result


def windows(
    result: Monitoring, answered: Iterable[Answered], progress: Progress
) -> Iterator[Monitoring]:
    """The result so far, after each full window and once more at the end, where half a window is
    judged as well.
    """
    waiting: list[Answered] = []
    count, stopped = 0, False
    try:
        for one in answered:
            waiting.append(one)
            count += 1
            if len(waiting) == result.window:
                result, waiting = _with_window(result, waiting, count), []
                progress(
                    f"rows {result.windows[-1].first} to {result.windows[-1].last}: "
                    f"{result.windows[-1].words()}"
                )
                yield result
    except KeyboardInterrupt:
        stopped = True
    least = max(SMALLEST_WINDOW, result.window // 2 if result.windows else 0)
    if not result.windows and len(waiting) < least:
        raise DataError(f"{count} rows came, at least {least} are needed: let it run longer")
    if len(waiting) >= least:
        result, waiting = _with_window(result, waiting, count), []
    notes = [STOPPED] * stopped + [f"the last {len(waiting)} rows are too few to judge"] * bool(
        waiting
    )
    yield replace(result, notes=(*result.notes, *notes))


def _with_window(result: Monitoring, rows: list[Answered], count: int) -> Monitoring:
    columns = np.array([[*one.row, one.answer] for one in rows], dtype=np.int64)
    first = count - len(rows) + 1
    made = Window(
        first,
        count,
        len(rows),
        "",
        judge(
            result.model, columns, sum(not one.right for one in rows) if result.by_board else None
        ),
    )
    return replace(result, windows=(*result.windows, made))


# ---- who answers ----


@contextmanager
def answering(twin: Model, port: str | None, board: str, plan: Plan, progress: Progress):
    """A function from raw rows to what is answered: by the board at `port`, a simulated one, or the
    twin.
    """
    if port is None:
        yield lambda rows: (Answered(row, int(twin.answer(row[None])[0]), True) for row in rows)
        return
    chip = find_board(board)
    with tempfile.TemporaryDirectory(prefix="tinygen-") as folder:
        if port == "sim":
            chip = replace(require_simulated(chip), baud=plan.baud or chip.baud)
            project = emit_project(twin, Path(folder) / "project", [chip])
            port = avr_url(chip.pio_id, build_program(project.directory, chip, progress))
        elif port == "auto":
            chip, port = discover.only_board()
        with open_link(port, twin, chip, plan.baud) as link:
            twin = calibration.twin(link, twin)
            progress(f"watching the {chip.title} at {link.name}: Ctrl-C ends it")
            for note in calibration.note_of(link):
                progress(note)
            yield lambda rows: _by_board(link, twin, rows, plan)


def _by_board(link, twin: Model, rows: Iterable[np.ndarray], plan: Plan) -> Iterator[Answered]:
    sent: dict[int, np.ndarray] = {}

    def remembered() -> Iterator[list[int]]:
        for index, row in enumerate(rows):
            sent[index] = row
            yield row.tolist()

    for reply in stream(link, remembered(), pace=plan.pace, reconnect=plan.reconnect):
        row = sent.pop(reply.index)
        answer = MISSING if reply.result is None else reply.result.prediction
        right = tuple(twin.answers(row[None])[0].tolist())
        yield Answered(row, answer, reply.result is not None and reply.result.values == right)


# ---- where rows come from ----


def until(rows: Iterable[np.ndarray], plan: Plan) -> Iterator[np.ndarray]:
    """The rows up to the number and the time that the plan allows."""
    end = None if plan.seconds is None else time.monotonic() + plan.seconds
    for count, row in enumerate(rows):
        if count == plan.rows or (end is not None and time.monotonic() >= end):
            return
        yield row
        if count + 1 == plan.rows:
            return


def file_rows(twin: Model, log: Path) -> Iterator[np.ndarray]:
    """Raw rows (inputs,) of a CSV file, in its order."""
    raw, _ = data.rows_for(twin.inputs, data.load_table(log, missing=missing_codes(twin)))
    yield from raw


def stdin_rows(twin: Model, plan: Plan) -> Iterator[np.ndarray]:
    """Raw rows of the lines on standard input, the first one of which names the columns."""
    lines = _lines(sys.stdin.fileno(), plan.seconds)
    yield from text_rows(lines, twin.inputs, missing_codes(twin))


def _lines(handle: int, seconds: float | None) -> Iterator[str]:
    """Whole lines from a file descriptor; ends with it, or after so many seconds without waiting
    for more.
    """
    end, kept = None if seconds is None else time.monotonic() + seconds, b""
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([handle], [], [], left)[0]:
            return
        if not (more := os.read(handle, LONGEST_LINE)):
            break
        *whole, kept = (kept + more).split(b"\n")
        yield from (line.decode("utf-8", "replace").lstrip("\ufeff") for line in whole)
        if len(kept) > LONGEST_LINE:
            raise UsageError(
                f"a line on standard input is longer than {LONGEST_LINE} bytes: pipe rows of CSV "
                "into it"
            )
    if kept.strip():
        yield kept.decode("utf-8", "replace")
