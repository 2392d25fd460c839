"""Pin changes as a waveform file (IEEE 1364 VCD) for GTKWave, PulseView and the like."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from .watch import PinChange

PICOSECONDS = 10**12


def to_vcd(changes: Iterable[PinChange], f_cpu_hz: int) -> str:
    """The text of a VCD file: one wire for each pin that ever changed, low at the start, times in
    picoseconds.
    """
    changes = list(changes)
    marks = {
        pin: chr(33 + index) for index, pin in enumerate(sorted({change.pin for change in changes}))
    }
    lines = ["$timescale 1 ps $end", "$scope module board $end"]
    lines += [f"$var wire 1 {mark} {pin} $end" for pin, mark in marks.items()]
    lines += ["$upscope $end", "$enddefinitions $end", "#0", "$dumpvars"]
    lines += [f"0{mark}" for mark in marks.values()] + ["$end"]
    for cycle, together in groupby(changes, lambda change: change.cycle):
        lines.append(f"#{cycle * PICOSECONDS // f_cpu_hz}")
        lines += [f"{change.level}{marks[change.pin]}" for change in together]
    return "\n".join(lines) + "\n"
