"""`tinygen stream`: the rows of a CSV file through a board, every answer checked."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import Board, find_board, require_simulated, with_pins
from ..common.errors import UsageError
from ..common.files import require_file_place, write_whole
from ..common.progress import Progress, silent
from ..common.tables import counted
from ._limits import baud_option, pinned, seconds_option
from ._options import (
    FILE,
    MODEL,
    Files,
    board_option,
    csvs_argument,
    model_argument,
)
from ._show import progress, shows
from ._spec import FromSpec
from .predict import SURE_OF_NONE, meaning

if TYPE_CHECKING:
    import numpy as np

    from ..host.check import Expected, StreamVerdict
    from ..host.link import Link
    from ..host.rates import WireBudget
    from ..host.stream import RowReply
    from ..model.signals.any_model import AnyModel


@dataclass(frozen=True)
class StreamPlan:
    """How rows are streamed."""

    window: int | None = None  # rows in flight; None: what the board takes
    tries: int | None = None  # per row, then it is lost; None: host.stream.TRIES
    baud: int | None = None  # None: the board's usual rate
    pace: float = 0.0  # seconds from row to row; 0: full speed
    reconnect: float = 0.0  # seconds to wait for a board that was unplugged; 0: give up at once
    log: Path | None = None  # raw bytes of both directions


@dataclass(frozen=True)
class Streamed:
    """A stream's verdict, and every reply it rests on."""

    model: AnyModel
    board: Board
    verdict: StreamVerdict
    expected: Expected
    replies: tuple[RowReply, ...]
    # the simulator saw the LED pins do what the rows ask for; None where nobody watched
    pins_right: bool | None
    wire: WireBudget  # what the wire allows
    plan: StreamPlan
    notes: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def good(self) -> bool:
        """True if every row was answered, equal to the twin, and the LEDs right."""
        return self.verdict.passed and self.pins_right is not False

    @property
    def exit_code(self) -> int:
        return 0 if self.good else 1

    @property
    def begun_again(self) -> list[int]:
        """Rows before which the board has forgotten all samples."""
        later = self.replies[1:] if self.model.remembers else ()
        return [reply.index for reply in later if reply.anew]

    def text(self) -> str:
        """Rows, rate, flags, pins and the verdict."""
        verdict = self.verdict
        lines = [f"note: {note}" for note in self.notes]
        lines += [
            f"{self.board.title}: {counted(verdict.rows, 'row')}, {verdict.wrong:,} wrong, "
            f"{verdict.lost:,} lost, {verdict.led_wrong:,} LED errors, "
            f"{verdict.retries:,} retries; {verdict.rows_per_s:,.0f} rows/s",
            f"{self.wire}; {verdict.rows_per_s / self.wire.limit:.0%} of it was used, "
            f"held up by {self.wire.bottleneck(verdict, self.plan.pace)}",
            f"{counted(verdict.missing, 'row')} with a missing value (flagged, LEDs dark), "
            f"{verdict.clamped:,} beyond the accepted range (flagged)",
        ]
        if self.model.sure_margin is not None:
            lines.append(
                f"{counted(verdict.not_sure, 'row')} without a sure answer (flagged, LEDs dark)"
            )
        if self.model.bars and self.model.band:
            lines.append(
                f"{counted(verdict.unsure, 'row')} whose bar leaves the alarm open (LEDs dark)"
            )
        if again := self.begun_again:
            shown = ", ".join(map(str, again[:5])) + (", ..." if len(again) > 5 else "")
            lines.append(f"the board began anew, by a reset or after a lost row, at row {shown}")
        if self.pins_right is not None:
            seen = "right" if self.pins_right else "WRONG"
            lines.append(f"LED pins as the simulator saw them: {seen}")
        if verdict.first_difference:
            lines.append(f"first difference: {verdict.first_difference}")
        if self.path:
            lines.append(f"written to {self.path}")
        return "\n".join([*lines, passed_or_failed(self.good)])

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        verdict = self.verdict
        return {
            "rows": verdict.rows,
            "wrong": verdict.wrong,
            "lost": verdict.lost,
            "retries": verdict.retries,
            "led_wrong": verdict.led_wrong,
            "rows_per_s": round(verdict.rows_per_s, 1),
            "wire_rows_per_s": round(self.wire.limit, 1),
            "bottleneck": self.wire.bottleneck(verdict, self.plan.pace),
            "missing": verdict.missing,
            "clamped": verdict.clamped,
            "red": verdict.red,
            **({"begun_again": self.begun_again} if self.model.remembers else {}),
            **({} if self.model.sure_margin is None else {"not_sure": verdict.not_sure}),
            **({"unsure": verdict.unsure} if self.model.bars else {}),
            "cycles_median": verdict.cycles_median,
            "cycles_max": verdict.cycles_max,
            "pins_right": self.pins_right,
            "first_difference": verdict.first_difference,
            "passed": self.good,
        }


def passed_or_failed(good: bool) -> str:
    """The last line of a stream."""
    return "PASS: the board answers what the model answers" if good else "FAIL"


def stream(
    model: Path,
    csv: Files,
    port: str,
    board: str = "uno",
    junit: Path | None = None,
    out: Path | None = None,
    plan: StreamPlan = StreamPlan(),
    pins: Mapping[str, int] | None = None,
    beside: Sequence[Path] = (),
    progress: Progress = silent,
) -> Streamed:
    """Streams the rows of a CSV file, or of several of one kind, into a board and checks every
    answer and both LEDs; `out` grows row by row. pins, beside: LEDs of the virtual board by role,
    further models of its firmware.
    """
    from ..host import discover
    from ..model.signals.any_model import load_any
    from ..report.junit import junit_xml

    chip, twin = find_board(board), load_any(model)
    for path in filter(None, (out, junit, plan.log)):
        require_file_place(path)
    if beside and port != "sim":
        raise UsageError(f"--with is for --port sim: the board at {port} has its models already")
    raw, notes = _rows_of(twin, csv)
    if port == "sim":
        models = [*map(load_any, beside), twin]
        chip = require_simulated(replace(chip, baud=plan.baud or chip.baud))
        chip = with_pins(chip, pins or {}, max(2, *(model.class_leds for model in models)))
        with tempfile.TemporaryDirectory(prefix="tinygen-") as folder:
            port = _virtual_board(models, Path(folder) / "project", chip, progress)
            result = stream_rows(twin, raw, port, chip, progress, plan, out)
    else:
        if port == "auto":
            chip, port = discover.only_board()
        result = stream_rows(twin, raw, port, chip, progress, plan, out)
    if junit:
        write_whole(junit, junit_xml(result))
    return replace(result, notes=(*notes, *result.notes))


def _virtual_board(
    models: Sequence[AnyModel], folder: Path, chip: Board, progress: Progress
) -> str:
    """The URL of a virtual board with the firmware of a model, or of several."""
    from ..codegen.emit import emit_project
    from ..codegen.projects.together import emit_together
    from ..host.virtual.protocol_avr import avr_url
    from ..target.build import build_program

    if len(models) == 1:
        emit_project(models[0], folder, [chip])
    else:
        emit_together(models, folder, [chip])
    return avr_url(chip.pio_id, build_program(folder, chip, progress))


def _rows_of(model: AnyModel, csv: Files) -> tuple[np.ndarray, tuple[str, ...]]:
    """The raw rows of files, or the samples of recordings, and notes on them."""
    from .. import data
    from ..data.recordings import samples_for
    from ..data.reference import missing_codes
    from ..model.signals import SignalModel

    if isinstance(model, SignalModel):
        samples = samples_for(model.channels, csv, missing_codes(model))
        return samples.raw, samples.notes
    return data.rows_for(model.inputs, data.load_tables(csv, missing_codes(model)))


def stream_rows(
    model: AnyModel,
    raw: np.ndarray,
    port: str,
    board: Board,
    progress: Progress,
    plan: StreamPlan = StreamPlan(),
    out: Path | None = None,
) -> Streamed:
    """Streams raw rows to the board at `port`; on the virtual board its pins are watched too."""
    from ..host.calibration import note_of, twin
    from ..host.check import Alarm, Checker, expect
    from ..host.link import open_link
    from ..host.rates import WireBudget
    from ..host.record import RawLog, RowFile
    from ..host.stream import TRIES, stream

    replies, say = [], _rate_of(len(raw), progress)
    with ExitStack() as open_files:
        log = open_files.enter_context(RawLog(plan.log)) if plan.log else None
        link = open_files.enter_context(open_link(port, model, board, plan.baud, tap=log))
        model, notes = twin(link, model), note_of(link)
        how = {"pace": plan.pace, "reconnect": plan.reconnect}
        answers = stream(link, raw.tolist(), plan.window, plan.tries or TRIES, **how)
        wire = WireBudget.of(link, plan.window)
        progress(f"link: {wire}")
        checker = Checker(expect(model, raw, Alarm.of(model, link.info)))
        file = RowFile(out, lambda r: _value(model, r), model) if out else None
        rows = open_files.enter_context(file) if file else None
        for reply in answers:
            difference = checker.add(reply)
            replies.append(reply)
            if rows:
                rows.row(reply, difference, checker.expected)
            say(len(replies))
        right = _lit_as_expected(link, board, plan, checker.expected)
    judged = (checker.verdict(), checker.expected, tuple(replies), right)
    return Streamed(model, board, *judged, wire, plan, notes, out)


def _lit_as_expected(link: Link, board: Board, plan: StreamPlan, expected: Expected) -> bool | None:
    """Whether the simulator saw the pins change as they should; None where nobody looks."""
    from ..host.check import distinct, lit
    from ..host.protocol import Pin

    simulator = getattr(link.port, "board", None)
    if simulator is None or plan.pace:  # a slow replay goes dark between rows
        return None
    return lit(simulator.changes, board) == distinct([Pin(0), *expected.pins])


def _rate_of(rows: int, progress: Progress) -> Callable[[int], None]:
    """Tells `progress`, twice a second, how many rows are done, how fast, and how long it will
    take.
    """
    begun = said = time.monotonic()

    def say(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= 0.5:
            said, rate = now, done / (now - begun)
            left = _duration((rows - done) / rate)
            progress(f"streaming: {done:,} of {rows:,} rows, {rate:,.0f} rows/s, {left} left")

    return say


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _value(model: AnyModel, raw: int) -> float | str | None:
    """The meaning of a raw answer, as a number where it is one."""
    text = meaning(model, raw)
    if raw in range(len(model.labels)) or text == SURE_OF_NONE:
        return text
    return float(text) if text else None


PLAN_OPTIONS = (
    click.option(
        "--window",
        type=click.IntRange(1),
        metavar="N",
        help="Rows in flight; default: as many as the board takes.",
    ),
    click.option(
        "--tries",
        type=click.IntRange(1),
        metavar="N",
        help="Times a row is sent before it is lost; default: 5.",
    ),
    baud_option,
    seconds_option("--pace", "From row to row, for a replay in real time; default: full speed."),
    seconds_option(
        "--reconnect", "Wait so long for a board that was unplugged, and go on; default: stop."
    ),
    click.option(
        "--log",
        type=FILE,
        metavar="FILE",
        help="Write the raw bytes of both directions, with their times.",
    ),
)


def planned(function):
    """Adds the options of a stream as one `plan`."""

    @wraps(function)
    def with_plan(*args, window, tries, baud, pace, reconnect, log, **options):
        plan = StreamPlan(window, tries, baud, pace, reconnect, log)
        return function(*args, plan=plan, **options)

    for option in reversed(PLAN_OPTIONS):
        with_plan = option(with_plan)
    return with_plan


@click.command("stream", cls=FromSpec)
@model_argument
@csvs_argument
@click.option(
    "--port",
    required=True,
    metavar="sim|PORT|auto",
    help="The virtual board, a serial port, or the one board plugged in.",
)
@board_option
@pinned
@click.option(
    "--with",
    "beside",
    type=FILE,
    multiple=True,
    metavar=MODEL,
    help="A further model of the virtual board's firmware; as often as wanted.",
)
@click.option("--junit", type=FILE, metavar="FILE", help="Write the verdict as JUnit XML.")
@planned
@click.option(
    "-o",
    "--out",
    type=FILE,
    metavar="OUT.csv|.jsonl",
    help="Write one line per row here, as it comes; its `row` counts the rows from 0.",
)
@shows
def command(model, csvs, **options):
    """Stream the rows of CSV into a board and check every answer.

    CSV may be several files of one kind. Each answer must equal the integer twin's bit for bit, and
    the red and green LED pins must follow the threshold. Exit code 1 where they do not. A board of
    several models is asked for this one by its id.

    \b
    Example:
      tinygen stream benzene.json AirQualityUCI.csv --port sim --board uno
    """
    with progress() as say:
        return stream(model, csvs, progress=say, **options)
