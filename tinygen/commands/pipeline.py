"""One function per command: the rooms, walked through in order.

data -> train -> quantize -> model -> emit -> build -> board/link -> stream -> check -> report
"""

from __future__ import annotations

import csv as csv_module
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import numpy as np

from .. import data
from ..codegen.emit import check_prefix, emit_library, emit_project, export
from ..common.boards import BOARDS, Board, find_board, require_simulated
from ..common.errors import UsageError
from ..common.files import require_file_place, require_folder_place, write_whole
from ..common.locks import Lock
from ..data import sources as datasets
from ..host import discover
from ..host.check import Alarm, Checker, Expected, StreamVerdict, expect
from ..host.link import open_link
from ..host.pins import distinct, lit
from ..host.protocol import Pin
from ..host.rates import WireBudget
from ..host.record import RawLog, RowFile
from ..host.stream import TRIES, RowReply, stream
from ..host.virtual.protocol_avr import avr_url
from ..model.alarm_threshold import AlarmCost
from ..model.fixedpoint import MISSING
from ..model.model import Model, check_name, load
from ..report.words import junit_xml
from ..search.comparators import Comparator, compare
from ..search.conversion import conversion_facts, conversion_lines, judge_conversion
from ..search.feature_selection import most_needed
from ..search.finalists import SearchRequest
from ..search.ladder import Ladder, load_ladder, pick_rung, save_ladder
from ..search.model_search import find_ladder
from ..search.quantization import raw_threshold
from ..search.sample_weights import weighed
from ..target import toolchain
from ..target.build import Budget, Firmware, build_firmware, load_firmware
from ..target.selftest import build_selftest

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrainedModel:
    """A model just trained and saved."""

    path: Path
    model: Model
    notes: tuple[str, ...]
    ladder: Ladder
    verdict: tuple[str, ...] = ()  # lines: what conversion to integers lost and saved

    @property
    def comparators(self) -> tuple[Comparator, ...]:
        """What else could predict the target, on the same test rows."""
        return self.ladder.comparators


@dataclass(frozen=True)
class Predictions:
    """The twin's answers to the rows of a file."""

    model: Model
    raw: np.ndarray  # int64 (n,); MISSING where a value was missing
    clamped: np.ndarray  # bool (n,): an input was saturated
    notes: tuple[str, ...]
    path: Path | None


@dataclass(frozen=True)
class Emitted:
    """Files written for a model."""

    model: Model
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class StreamPlan:
    """How rows are streamed."""

    window: int | None = None  # rows on the way at once; None: what the board takes
    tries: int = TRIES  # per row, then it is lost
    baud: int | None = None  # None: the board's usual rate
    pace: float = 0.0  # seconds from row to row; 0: full speed
    reconnect: float = 0.0  # seconds to wait for a board that was unplugged; 0: give up at once
    log: Path | None = None  # raw bytes of both directions


@dataclass(frozen=True)
class Streamed:
    """A stream's verdict, and every reply it rests on."""

    model: Model
    board: Board
    verdict: StreamVerdict
    expected: Expected
    replies: tuple[RowReply, ...]
    pins_right: (
        bool | None
    )  # the simulator saw the LED pins do what the rows ask for; None where nobody watched
    wire: WireBudget  # what the wire allows
    plan: StreamPlan
    notes: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def good(self) -> bool:
        """True if every row was answered, equal to the twin, and the LEDs right."""
        return self.verdict.passed and self.pins_right is not False


@dataclass(frozen=True)
class Demonstration:
    """The whole loop on one or more boards."""

    source: str  # one line on where the rows come from
    trained: TrainedModel
    runs: tuple[tuple[Firmware, Streamed], ...]
    directory: Path

    @property
    def good(self) -> bool:
        return all(streamed.good for _, streamed in self.runs)


@dataclass(frozen=True)
class BoardList:
    """Known boards, and which port has which."""

    boards: tuple[Board, ...]
    plugged_in: dict[str, tuple[str, ...]]  # board id -> ports


def train_csv(
    csv: Path,
    out: Path,
    target: str,
    inputs=None,
    drop=(),
    missing=("-200",),
    unit=(),
    split="random",
    seed=0,
    family="auto",
    threshold=None,
    name=None,
    board="uno",
    budget=Budget(),
    dask=None,
    task="auto",
    optimize=None,
    max_inputs: int | None = None,
    robust=False,
    balance=False,
    alarm_cost: str | None = None,
    progress: Progress = print,
) -> TrainedModel:
    """Trains on a CSV file and saves the model; the file is written only when everything went well.

    max_inputs: keep that many inputs, the most needed ones; robust, balance: how rows are weighed
    (sample_weights.py); alarm_cost: MISS:FALSE, what mistakes of the alarm cost.
    """
    chip = find_board(board)
    name = check_prefix(check_name(name or name_from(out)))
    cost = None if alarm_cost is None else AlarmCost.parse(alarm_cost)
    if cost and threshold is None:
        raise UsageError(
            "--alarm-cost moves the alarm's threshold: give the alarm level with --threshold"
        )
    for path in (out, ladder_path(out)):
        require_file_place(path)
    table = data.load_table(csv, missing=missing)
    dataset = data.prepare(
        table, target, inputs, drop, split, seed, units=units_of(unit), task=task
    )
    if max_inputs is not None and max_inputs != len(dataset.inputs):
        progress("asking which inputs are needed most")
        kept = most_needed(dataset, max_inputs)
        # rows that lacked only what is left out now are complete
        dataset = data.prepare(
            table, target, kept.names, (), split, seed, units=units_of(unit), task=task
        )
        dataset = replace(dataset, notes=(*dataset.notes, kept.note(dataset)))
    dataset = weighed(dataset, robust, balance, progress)
    ladder = find_model(
        dataset, name, threshold, family, chip, budget, progress, dask, optimize, cost
    )
    found = judged(ladder, dataset, threshold, chip, out, progress)
    found.model.save(out)
    save_ladder(found.ladder, ladder_path(out))
    return found


def judged(
    ladder: Ladder,
    dataset: data.Dataset,
    threshold: float | None,
    board: Board,
    out: Path,
    progress: Progress,
) -> TrainedModel:
    """The chosen model with the verdict on its conversion among its facts, and the comparators beside
    it.
    """
    rung = ladder.rungs[ladder.chosen]
    progress("asking what conversion cost, and what simple and large models reach")
    result = judge_conversion(rung.model, dataset, np.array(rung.floats), board, rung.cost)
    told = replace(
        ladder.with_facts(verdict=conversion_facts(result)), comparators=compare(dataset, threshold)
    )
    return TrainedModel(out, told.model, dataset.notes, told, tuple(conversion_lines(result)))


def find_model(
    dataset: data.Dataset,
    name: str,
    threshold: float | None,
    family: str,
    board: Board,
    budget: Budget,
    progress: Progress,
    dask: str | None = None,
    optimize: str | None = None,
    alarm_cost: AlarmCost | None = None,
) -> Ladder:
    """The ladder of integer models for a data set on the board's chip, one of them chosen within
    the budget.
    """
    if threshold is not None:
        raw_threshold(dataset.target, threshold)  # raises now, not after the training
    request = SearchRequest(name, board, family, threshold, budget, optimize, alarm_cost)
    return find_ladder(dataset, request, progress, dask)


def ladder_path(model: Path) -> Path:
    """Where `train` keeps the other models it found: benzene.json -> benzene.search.json."""
    return model.with_name(f"{model.name.removesuffix('.json')}.search.json")


def pick_model(ladder: Path, number: int, out: Path) -> TrainedModel:
    """Takes another rung of a ladder as the model; the ladder is kept beside it as well."""
    require_file_place(out)
    found = load_ladder(ladder)
    model = pick_rung(found, number)
    model.save(out)
    picked = replace(
        found, chosen=number - 1, sensors=found.sensors if number - 1 == found.chosen else ()
    )
    save_ladder(picked, ladder_path(out))
    return TrainedModel(out, model, (), picked)


def predict_csv(model: Path, csv: Path, out: Path | None) -> Predictions:
    """The integer twin's answers to a CSV file's rows."""
    twin = load(model)
    if out:
        require_file_place(out)
    raw, notes = data.rows_for(twin.inputs, data.load_table(csv, missing=missing_codes(twin)))
    answers, clamped = twin.answer(raw), twin.saturate(raw)[1] & ~(raw == MISSING).any(axis=1)
    if out:
        lines = (
            [r if r != MISSING else "", _physical(twin, r), _flag(r, c)]
            for r, c in zip(answers.tolist(), clamped.tolist())
        )
        write_csv(
            out,
            [
                "raw",
                f"{twin.output.name} [{twin.output.unit}]"
                if twin.output.unit
                else twin.output.name,
                "flag",
            ],
            lines,
        )
    return Predictions(twin, answers, clamped, notes, out)


def missing_codes(model: Model) -> tuple:
    """What meant "no value" in the training file, and therefore in the rows that follow."""
    return tuple(model.training.get("missing", (-200,)))


def _flag(raw: int, clamped: bool) -> str:
    return "MISSING" if raw == MISSING else "CLAMPED" if clamped else "OK"


def _physical(model: Model, raw: int) -> str:
    """What a raw answer means: a number in the output's unit, or a class label."""
    if raw == MISSING:
        return ""
    # a board that is wrong may name a class that does not exist
    return (
        model.labels[raw]
        if 0 <= raw < len(model.labels)
        else f"{float(model.output.to_physical(raw)):.6g}"
    )


def emit_files(
    model: Path, out: Path, form: str = "arduino", optimize: str | None = None
) -> Emitted:
    """What the exporter `form` makes of a model file, its C written for `optimize` if given."""
    twin = load(model)
    twin = replace(twin, optimize=optimize) if optimize else twin
    require_folder_place(out)
    return Emitted(twin, tuple(export(twin, out, form)))


def build_model(
    model: Path,
    board: str,
    out: Path,
    budget=Budget(),
    upload=False,
    port=None,
    progress: Progress = print,
) -> Firmware:
    """The compiled firmware of a model file, in a PlatformIO project at `out`; for a chip without a
    serial port its self-test.
    """
    chip, twin = find_board(board), load(model)
    if upload and not port:
        raise UsageError("--upload needs --port: see `tinygen boards` for the ports with a board")
    if port and not upload:
        raise UsageError(f"--port {port} is of no use without --upload: give both, or neither")
    if upload and not chip.has_firmware:
        raise UsageError(
            f"board '{chip.pio_id}' has no bootloader to --upload to: build it, "
            "then load the .hex with a programmer"
        )
    require_folder_place(out)
    with Lock(str(out)):  # another build would change the sources under the compiler
        if not chip.has_firmware:
            return build_selftest(twin, chip, out, budget, progress)
        project = emit_project(twin, out, [chip])
        firmware = build_firmware(project, chip, budget, progress)
        if upload:
            load_firmware(project, chip, port, progress)
    return firmware


def stream_csv(
    model: Path,
    csv: Path,
    port: str,
    board="uno",
    junit: Path | None = None,
    out: Path | None = None,
    plan: StreamPlan = StreamPlan(),
    progress: Progress = print,
) -> Streamed:
    """Streams a CSV file's rows into a board and checks every answer and both LEDs; `out` grows row
    by row.
    """
    chip, twin = find_board(board), load(model)
    for path in filter(None, (out, junit, plan.log)):
        require_file_place(path)
    raw, notes = data.rows_for(twin.inputs, data.load_table(csv, missing=missing_codes(twin)))
    if port == "sim":
        require_simulated(chip)
        chip = replace(chip, baud=plan.baud or chip.baud)
        with tempfile.TemporaryDirectory(prefix="tinygen-") as folder:
            firmware = build_firmware(
                emit_project(twin, Path(folder) / "project", [chip]), chip, progress=progress
            )
            result = stream_rows(
                twin, raw, avr_url(chip.pio_id, firmware.elf), chip, progress, plan, out
            )
    else:
        chip, port = (chip, port) if port != "auto" else discover.only_board()
        result = stream_rows(twin, raw, port, chip, progress, plan, out)
    if junit:
        write_whole(junit, junit_xml(result))
    return replace(result, notes=notes)


def stream_rows(
    model: Model,
    raw: np.ndarray,
    port: str,
    board: Board,
    progress: Progress,
    plan: StreamPlan = StreamPlan(),
    out: Path | None = None,
) -> Streamed:
    """Streams raw rows to the board at `port`; on the virtual board its pins are watched as
    well.
    """
    replies, say = [], _pace_of(len(raw), progress)
    with ExitStack() as open_files:
        log = open_files.enter_context(RawLog(plan.log)) if plan.log else None
        link = open_files.enter_context(open_link(port, model, board, plan.baud, tap=log))
        answers = stream(
            link, raw.tolist(), plan.window, plan.tries, pace=plan.pace, reconnect=plan.reconnect
        )
        wire = WireBudget.of(link, plan.window)
        progress(f"link: {wire}")
        expected = expect(model, raw, Alarm.of(model, link.info))
        checker = Checker(expected)
        rows = (
            open_files.enter_context(RowFile(out, expected, lambda answer: _meaning(model, answer)))
            if out
            else None
        )
        for reply in answers:
            difference = checker.add(reply)
            replies.append(reply)
            if rows:
                rows.row(reply, difference)
            say(len(replies))
        simulator = getattr(link.port, "board", None)
        seen = (
            lit(simulator.changes, board) if simulator and not plan.pace else None
        )  # a slow replay goes dark between rows
    right = None if seen is None else seen == distinct([Pin(0), *expected.pins])
    return Streamed(
        model, board, checker.verdict(), expected, tuple(replies), right, wire, plan, path=out
    )


def _pace_of(rows: int, progress: Progress) -> Callable[[int], None]:
    """Tells `progress`, twice a second, how many rows are done, how fast, and how long it will
    take.
    """
    begun = said = time.monotonic()

    def say(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= 0.5:
            said, rate = now, done / (now - begun)
            progress(
                f"streaming: {done:,} of {rows:,} rows, {rate:,.0f} rows/s, "
                f"{_duration((rows - done) / rate)} left"
            )

    return say


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02} min"
        if hours
        else f"{minutes} min {rest:02} s"
        if minutes
        else f"{rest} s"
    )


def _meaning(model: Model, raw: int) -> float | str | None:
    """The same as `_physical`, as a number where it is one."""
    text = _physical(model, raw)
    return text if raw in range(len(model.labels)) else float(text) if text else None


# Columns of the published demo: 7,344 of the file's rows are complete in them.
ARTICLE_INPUTS = (
    "CO(GT)",
    "PT08.S1(CO)",
    "PT08.S2(NMHC)",
    "PT08.S3(NOx)",
    "PT08.S4(NO2)",
    "PT08.S5(O3)",
    "T",
    "RH",
    "AH",
)


def demo(
    board_ids: tuple[str, ...], file: Path | None, out: Path, progress: Progress = print
) -> Demonstration:
    """The article's task from file to checked LED, on each board. Everything it makes stays in
    `out`.
    """
    chips = [require_simulated(find_board(board)) for board in board_ids]
    require_folder_place(out)
    source = datasets.find(file, progress)
    dataset = data.prepare(source.table(), "C6H6(GT)", ARTICLE_INPUTS)
    ladder = find_model(dataset, "benzene", 15.0, "auto", chips[0], Budget(), progress)
    trained = judged(ladder, dataset, 15.0, chips[0], out / "benzene.json", progress)
    model = trained.model
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / "benzene.json")
    save_ladder(trained.ladder, ladder_path(out / "benzene.json"))
    emit_library(model, out / "benzene")
    columns = [dataset.inputs.index(quantity) for quantity in model.inputs]
    rows = dataset.x[dataset.test][:, columns]
    runs = []
    with Lock(str(out)):
        project = emit_project(model, out, chips)
        for chip in chips:
            firmware = build_firmware(project, chip, progress=progress)
            url = avr_url(chip.pio_id, firmware.elf)
            runs.append((firmware, stream_rows(model, rows, url, chip, progress)))
    return Demonstration(source.line, trained, tuple(runs), out)


def list_boards() -> BoardList:
    """Known boards, and the ports that have one of them."""
    return BoardList(tuple(BOARDS.values()), discover.plugged_in())


def set_up(progress: Progress = print) -> toolchain.Toolchain:
    """Installs what is missing to build and simulate."""
    return toolchain.ensure(progress, install=True)


def write_csv(path: Path, header: list[str], rows) -> None:
    """Writes a CSV file whole or not at all."""
    text = StringIO()
    csv_module.writer(text, lineterminator="\n").writerows([header, *rows])
    write_whole(path, text.getvalue())


def name_from(out: Path) -> str:
    """A C prefix made from the name of a model file."""
    name = re.sub(r"\W", "_", out.name.split(".")[0], flags=re.ASCII)[:31]
    return name if not name[:1].isdigit() else f"m_{name}"[:31]


def units_of(pairs) -> dict[str, str]:
    """Units by column from COLUMN=UNIT texts."""
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(
                f"--unit '{pair}' is not COLUMN=UNIT: write for example --unit \"T=degC\""
            )
    return dict(pair.rsplit("=", 1) for pair in pairs)
