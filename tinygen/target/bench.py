"""A test bench: one board, simulated or real, that runs the firmware of a model or of several, and
links to it.

    bench = prepare("sim:uno", [model], Path("work"))       or "auto", "/dev/ttyACM0",
                                                            "nanoatmega328:/dev/ttyUSB0"
    with bench, bench.connect(model) as connection:
        connection.stream(rows).verdict.passed

A real board is loaded only when it does not run these models already. What pytest sees of it is in
pytest_plugin.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import serial

from .. import data
from ..codegen.emit import emit_project
from ..codegen.projects.together import emit_together
from ..common.boards import BOARDS, Board
from ..common.errors import CheckError, LinkError, UsageError
from ..common.files import write_whole
from ..common.locks import Lock
from ..host import calibration, discover
from ..host.check import Alarm, Lights, StreamVerdict, check, expect, lit
from ..host.link import TO_BOARD, Link, open_link
from ..host.protocol import MODELS_VERSION, Info, Pin, Trait, version_for
from ..host.stream import RowReply, stream
from ..host.virtual.protocol_avr import avr_url
from ..host.virtual.vcd import to_vcd
from ..model.model import Model
from .build import Firmware, build_firmware, load_project
from .together import SharedFirmware, build_together
from .toolchain import ensure, need_simavr

SIMULATED = frozenset(
    {"simulator", "led_readback", "led_history", "exact_cycles", "faults", "reset"}
)
REAL = frozenset({"hardware", "led_readback"})


@dataclass(frozen=True)
class Target:
    """What --board asks for: a simulated board, a port, or whatever is plugged in."""

    spec: str
    board: Board | None  # None: to be found out
    port: str | None  # None: simulated, or to be found

    @property
    def simulated(self) -> bool:
        """True if no hardware is asked for."""
        return self.spec.startswith("sim:")


def parse_target(spec: str) -> Target:
    """The target of "sim:ID", "auto", "PORT" or "ID:PORT"; UsageError in one line."""
    kind, colon, rest = spec.partition(":")
    if kind == "sim" and colon:
        return Target(spec, _simulated(rest), None)
    if spec == "auto":
        return Target(spec, None, None)
    if colon and kind in BOARDS and rest:
        return Target(spec, BOARDS[kind], rest)
    return Target(spec, None, spec)


def _simulated(name: str) -> Board:
    known = [board.pio_id for board in BOARDS.values() if board.streams_simulated]
    if name not in known:
        raise UsageError(
            f"board sim:{name} cannot be simulated: write one of "
            f"{', '.join(f'sim:{board}' for board in known)}"
        )
    return BOARDS[name]


@dataclass(frozen=True)
class Outcome:
    """A stream's verdict and every reply it rests on. `assert outcome.verdict.passed` shows
    both.
    """

    verdict: StreamVerdict
    replies: tuple[RowReply, ...]


@dataclass
class Connection:
    """A fresh link to one model of the bench's board, closed at the end of its `with` block."""

    bench: Bench
    link: Link
    asked: Model  # as its file has it
    log: list[str] = field(default_factory=list)  # raw bytes of both directions
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._twin: Model = calibration.twin(self.link, self.asked)
        self.lights = Lights(Alarm.of(self.model, self.info))  # goes on from stream to stream

    @property
    def board(self) -> Board:
        """The board's entry in the table of boards."""
        return self.bench.board

    @property
    def model(self) -> Model:
        """The model it runs, as the board's recalibration makes it."""
        return self._twin

    @property
    def info(self) -> Info:
        """What the board says of itself."""
        return self.link.info

    @property
    def simulator(self):
        """The SimBoard behind the link; None for a real board."""
        return getattr(self.link.port, "board", None)

    def stream(self, rows, **options) -> Outcome:
        """Rows to the board and back, checked against the integer twin.

        `rows`: raw values of shape (n, inputs), tinygen.model.fixedpoint.MISSING for none; or the
        path of a CSV file.
        """
        raw = (
            csv_rows(self.model, rows)
            if isinstance(rows, (str, Path))
            else np.asarray(rows, dtype=np.int64)
        )
        replies = tuple(stream(self.link, raw.tolist(), **options))
        expected = expect(self.model, raw, self.lights.alarm)
        self.outcomes.append(Outcome(check(replies, expected, self.lights), replies))
        return self.outcomes[-1]

    def leds(self) -> Pin:
        """The LEDs that are lit, by the board's own reading of its pins; CheckError if the
        simulator sees others.
        """
        said = self.link.status().pins
        if self.simulator:
            lit_pins = map(self.simulator.pin, self.board.led_ports)
            seen = Pin(sum(pin for pin, level in zip(Pin, lit_pins) if level))
            if seen != said:
                raise CheckError(
                    f"{self.board.title} says its LEDs are {said!r}, the simulator sees {seen!r}"
                )
        return said

    def led_history(self) -> list[Pin]:
        """Every state of the two LEDs since power-on, in order; of a simulated board."""
        if not self.simulator:
            raise UsageError(
                "the history of the LEDs is known of a simulated board only: mark the test "
                "needs('led_history')"
            )
        return lit(self.simulator.changes, self.board)

    def figures(self) -> dict[str, object]:
        """What a report says about this test."""
        verdicts = [outcome.verdict for outcome in self.outcomes]
        counts = {
            name: sum(getattr(v, name) for v in verdicts)
            for name in ("rows", "wrong", "lost", "led_wrong", "retries")
        }
        return {
            "board": self.board.pio_id,
            "target": self.bench.target.spec,
            "model": self.model.name,
            "model_id": f"{self.model.model_id:08x}",
            "baud": self.link.baud,
            **counts,
        }

    def save(self, folder: Path) -> None:
        """wire.log, rows.csv and, of a simulated board, leds.vcd into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "wire.log", "".join(self.log))
        write_whole(
            folder / "rows.csv",
            "stream,row,raw,flags,pins,cycles,tries\n"
            + "".join(
                f"{number},{_csv_line(reply)}\n"
                for number, outcome in enumerate(self.outcomes)
                for reply in outcome.replies
            ),
        )
        if self.simulator:
            pins = self.board.led_ports[: self.info.leds]
            changes = [change for change in self.simulator.changes if change.pin in pins]
            write_whole(folder / "leds.vcd", to_vcd(changes, self.board.f_cpu_hz))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *error) -> None:
        self.link.close()


def _csv_line(reply: RowReply) -> str:
    result = reply.result
    if result is None:
        return f"{reply.index},,LOST,,,{reply.tries}"
    flags, pins = int(result.flags), int(result.pins)
    return f"{reply.index},{result.prediction},{flags},{pins},{result.cycles},{reply.tries}"


def csv_rows(model: Model, path: str | Path) -> np.ndarray:
    """Raw rows of a CSV file that has the model's columns, int64 (n, inputs)."""
    missing = tuple(model.training.get("missing", (-200,)))
    return data.rows_for(model.inputs, data.load_table(Path(path), missing=missing))[0]


@dataclass
class Bench:
    """A board that runs the models. Holds its port until the end of its `with` block."""

    target: Target
    board: Board
    models: tuple[Model, ...]  # in the order of their numbers, where they are several
    port: str  # what open_link takes
    firmware: Firmware | SharedFirmware | None  # None: the board had the models already
    lock: Lock | None

    @property
    def abilities(self) -> frozenset[str]:
        """What a test may need of it."""
        return SIMULATED if self.target.simulated else REAL

    def connect(self, model: Model) -> Connection:
        """A fresh link to one of the models: the board is reset by it, where opening the port does
        that.
        """
        log: list[str] = []

        def tap(direction: str, seconds: float, content: bytes) -> None:
            log.append(f"{seconds:.6f} {'>' if direction == TO_BOARD else '<'} {content.hex()}\n")

        link = open_link(self.port, model, self.board, tap=tap)
        return Connection(self, link, model, log)

    def close(self) -> None:
        """Gives the port back; safe to call twice."""
        if lock := self.lock:
            self.lock = None
            lock.__exit__()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *error) -> None:
        self.close()


def prepare(spec: str, models: Sequence[Model], folder: Path, progress=lambda text: None) -> Bench:
    """The bench for a target; the firmware is built below `folder` where it is needed.

    discover.NoBoard where "auto" finds nothing, UsageError where the models cannot be on one board,
    BuildError where a tool is missing or the board cannot be loaded.
    """
    target, held = parse_target(spec), tuple(models)
    if target.simulated and target.board:
        need_simavr(ensure(install=False))
        firmware = _build(held, target.board, folder, progress)[1]
        url = avr_url(target.board.pio_id, firmware.elf)
        return Bench(target, target.board, held, url, firmware, None)
    board, port = _find(target)
    lock = Lock(port).__enter__()
    try:
        loaded = None if _runs(held, board, port) else _load(held, board, port, folder, progress)
        return Bench(target, board, held, port, loaded, lock)
    except BaseException:
        lock.__exit__()
        raise


def _find(target: Target) -> tuple[Board, str]:
    """The target's board and port."""
    if target.port is None:
        return discover.only_board()
    board = target.board or next(
        (port.board for port in discover.ports() if port.device == target.port), None
    )
    board = board or discover.board_behind(target.port)
    if board is None:
        raise LinkError(
            f"which board is at {target.port} is told neither by its USB id nor by its firmware: "
            f"name it, as in --board uno:{target.port}"
        )
    return board, target.port


def _runs(models: tuple[Model, ...], board: Board, port: str) -> bool:
    """True if the board at `port` runs just these models already; LinkError where the port does not
    open.
    """
    try:
        told = discover.ask_each(port)
    except (OSError, serial.SerialException) as error:
        raise LinkError(
            f"port {port} does not open ({' '.join(str(error).split())}): see `tinygen boards`"
        ) from None
    several = len(models) > 1
    wanted = [
        (
            model.model_id,
            board.pio_id,
            MODELS_VERSION if several else version_for(model.values_per_row, model.remembers),
        )
        for model in models
    ]
    return [(info.model_id, info.board, info.protocol) for info in told] == wanted and not any(
        info.traits & (Trait.EMPTY | Trait.CORRUPT) for info in told
    )


def _load(
    models: tuple[Model, ...], board: Board, port: str, folder: Path, progress
) -> Firmware | SharedFirmware:
    directory, firmware = _build(models, board, folder, progress)
    load_project(directory, board, port, progress)
    return firmware


def _build(
    models: tuple[Model, ...], board: Board, folder: Path, progress
) -> tuple[Path, Firmware | SharedFirmware]:
    """(project, firmware) in a folder of the board's own; parallel test runs wait for each
    other.
    """
    directory = folder / board.pio_id
    directory.mkdir(parents=True, exist_ok=True)
    with Lock(str(directory), folder):
        if len(models) > 1:
            together = emit_together(models, directory, [board])
            return directory, build_together(together, board, progress=progress)
        project = emit_project(models[0], directory, [board])
        return directory, build_firmware(project, board, progress=progress)


def artifact_name(test: str) -> str:
    """A folder name for a test: "test_model.py::test_rows[sim:uno]" ->
    "test_model.py-test_rows-sim-uno".
    """
    return re.sub(r"[^\w.]+", "-", test).strip("-")
