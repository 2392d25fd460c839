"""Recordings on the virtual board, compared with what its pins carried at each conversion."""

import random
from dataclasses import dataclass
from pathlib import Path

from native_board import edit
from tinygen.host.link import open_link
from tinygen.host.recorder.recording import Recording, record
from tinygen.host.recorder.timing import TICK_CYCLES, timing
from tinygen.host.virtual.protocol_avr import avr_url
from tinygen.host.virtual.sensors.analog import millivolts

from tinygen.codegen.emit import write_all
from tinygen.codegen.projects.recorder import recorder_project
from tinygen.common.boards import BOARDS
from tinygen.common.sensors import find_channels
from tinygen.target.avr_gcc import compile_project
from tinygen.target.toolchain import ensure

CHANNEL_CYCLES = 256 * TICK_CYCLES


def compile_recorder(folder: Path, board_id: str, names: str, mistakes: dict) -> Path:
    """The recording firmware, with {file: {before: after}} as mistakes."""
    board = BOARDS[board_id]
    write_all(recorder_project(find_channels(names, board), board), folder)
    for file, changes in mistakes.items():
        edit(folder / file, changes)
    (elf,) = compile_project(folder, board, ensure(install=False), lambda words: None, ("",))
    return elf


def noise(rate: float, seed: int = 1):
    """A fault that changes, loses or doubles bytes in both directions."""
    rng = random.Random(seed)

    def fault(direction: str, octet: int, cycle: int) -> bytes:
        if rng.random() >= rate:
            return bytes((octet,))
        return rng.choice((bytes((rng.randrange(256),)), b"", bytes((octet, rng.randrange(256)))))

    return fault


@dataclass(frozen=True)
class Heard:
    """A recording, its rows, and what they should be."""

    recording: Recording
    rows: list  # (number, values or None) as they were handed on
    true: list  # values of each sample, as the pins carried them
    lateness: list  # cycles of each conversion beyond where it should begin
    status: object
    counters: object

    @property
    def lost(self) -> list:
        return [number for number, values in self.rows if values is None]

    @property
    def wrong(self) -> list:
        """Numbers of samples with other values than the pins had."""
        return [k for k, values in self.rows if values is not None and values != self.true[k]]


def run(elf, board_id, names, rate_hz, samples, fault=None, during=None, stop_at=None) -> Heard:
    """Records with codes drawn anew for every conversion; `during(link, number)` hears each row."""
    board = BOARDS[board_id]
    channels = find_channels(names, board)
    width, plan = len(channels.channels), timing(rate_hz, channels, board)
    codes, rows, rng = [], [], random.Random(3)

    def feed(pin, cycle):
        codes.append(rng.randrange(1024))
        return millivolts(codes[-1])

    with open_link(avr_url(board_id, elf), channels, board) as link:
        sim = link.port.board
        sim.analog.feed, sim.fault = feed, fault

        def sink(number, values):
            rows.append((number, values))
            if during:
                during(link, number)

        stop = lambda: stop_at is not None and len(rows) > stop_at
        got = record(link, width, plan, samples, sink, stop)
        sim.fault = None
        status = link.status()
        step = width * plan.periods
        taken = codes[1:]  # the first conversion sets the converter up
        true = [tuple(taken[k : k + width]) for k in range(0, len(taken), step)]
        begun = list(sim.analog.cycles)[1:]
        period = plan.ticks * TICK_CYCLES
        due = (k // width * period + k % width * CHANNEL_CYCLES for k in range(len(begun)))
        late = [cycle - begun[0] - at for cycle, at in zip(begun, due)]
        return Heard(got, rows, true, late, status, sim.counters)
