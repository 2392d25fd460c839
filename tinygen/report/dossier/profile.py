"""Where the cycles of one inference go: the simulated chip, one instruction after the other, by the
steps of the header.

    profile(model, board) -> (StepCycles, ...)

The compiler says which line of the header each instruction comes from (DWARF); an instruction of a
kernel in the shared headers belongs to the step that called it. The sum is exact, the border
between two steps is the compiler's.
"""

from __future__ import annotations

import re
import tempfile
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from elftools.elf.elffile import ELFFile

from ...codegen.emit import render_header
from ...common.boards import Board
from ...host.virtual.simavr import SimBoard
from ...host.virtual.watch import MARK_BEGIN
from ...model.model import Model
from ...target.bare import START_CYCLES, compile_bare, symbols

ROWS = 8  # seeded, corners of the ranges among them
STEP = re.compile(r"/\* (\d+)\. (.*)")
MOST_CYCLES = 200_000  # per row, then it counts as hung


@dataclass(frozen=True)
class StepCycles:
    """One numbered step of the header."""

    name: str  # "2 20 hidden units"
    cycles: int  # on average over the rows, rounded


def profile(model: Model, board: Board) -> tuple[StepCycles, ...]:
    """The cycles of each step, averaged over seeded rows; the call and its return are the last
    part.
    """
    steps = header_steps(model)
    with tempfile.TemporaryDirectory(prefix="tinygen-") as folder:
        elf = compile_bare(model, board, Path(folder), ROWS, None, "-g")
        spent = _spent(
            model, board, elf, line_table(elf, f"{model.name}.h"), [line for line, _ in steps]
        )
    parts = [StepCycles(name, round(spent[k] / ROWS)) for k, (_, name) in enumerate(steps)]
    return tuple(
        p for p in (*parts, StepCycles("call and return", round(spent[-1] / ROWS))) if p.cycles
    )


def header_steps(model: Model) -> list[tuple[int, str]]:
    """(line, name) of each numbered step in the model's header, lines counted from 1."""
    found: list[tuple[int, str]] = []
    names, output = [q.name for q in model.outputs], -1
    for line, text in enumerate(render_header(model).splitlines(), start=1):
        if match := STEP.search(text):
            output += match[1] == "1"  # each output's steps begin with 1
            front = f"{names[output]}: " if model.more else ""
            found.append((line, f"{front}{match[1]} {_name(match[2])}"))
    return found


def _name(comment: str) -> str:
    """A few words for a step, from the comment above its code."""
    if undone := re.match(r"The model was fitted to the (.*?): undo it", comment):
        return f"undo the {undone[1]}"
    words = re.split(r"[:,;=.]", comment)[0].strip(" */")
    if re.fullmatch(r"[a-z]\d+", words):
        return {"s": "weighted sum", "h": "hidden units", "t": "products"}.get(words[0], words)
    return re.sub(r" [a-z]\d+$", "", words)


def line_table(elf: Path, header: str) -> dict[int, int]:
    """The line of `header` that each instruction was written in or inlined into; addresses in
    bytes, others are left out.
    """
    found: dict[int, int] = {}
    with open(elf, "rb") as stream:
        dwarf = ELFFile(stream).get_dwarf_info()
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            names = (
                [
                    entry.name.decode(errors="replace").rsplit("/", 1)[-1]
                    for entry in program["file_entry"]
                ]
                if program
                else []
            )
            if program is None or header not in names:  # the C library
                continue
            number = names.index(header) + 1
            states = sorted(
                (e.state.address, e.state.line if e.state.file == number else 0)
                for e in program.get_entries()
                if e.state
            )
            for (start, line), (end, _) in pairwise(states):
                found |= dict.fromkeys(range(start, end, 2), line) if line else {}
            for die in unit.iter_DIEs():
                if (
                    die.tag == "DW_TAG_inlined_subroutine"
                    and die.attributes["DW_AT_call_file"].value == number
                ):
                    for start, end in _ranges(dwarf, unit, die):
                        found |= dict.fromkeys(
                            range(start, end, 2), die.attributes["DW_AT_call_line"].value
                        )
    return found


def _ranges(dwarf, unit, die) -> list[tuple[int, int]]:
    """The addresses of an inlined function: from, and one past the last."""
    if "DW_AT_ranges" in die.attributes:
        base = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
        entries = dwarf.range_lists().get_range_list_at_offset(die.attributes["DW_AT_ranges"].value)
        return [
            (
                e.begin_offset + (base.value if base else 0),
                e.end_offset + (base.value if base else 0),
            )
            for e in entries
        ]
    low, high = die.attributes["DW_AT_low_pc"].value, die.attributes["DW_AT_high_pc"]
    return [(low, high.value if high.form == "DW_FORM_addr" else low + high.value)]


def _spent(
    model: Model, board: Board, elf: Path, lines: dict[int, int], starts: list[int]
) -> list[int]:
    """Cycles of each step over all rows; the last entry holds what comes before the first step and
    after the last.
    """
    spent, names = [0] * (len(starts) + 1), symbols(elf)
    with SimBoard(board, elf) as sim:
        sim.run(START_CYCLES)
        sim.write_memory(names["bare_x"], model.sample_rows(ROWS).astype("<i2").tobytes())
        sim.write_memory(names["bare_rows"], bytes([ROWS]))
        step, end = len(starts), sim.cycle + ROWS * MOST_CYCLES
        while len(sim.inferences) < ROWS and sim.cycle < end:
            inside = bool(sim.marks) and sim.marks[-1][1] == MARK_BEGIN
            before, line = sim.cycle, lines.get(sim.pc, 0)
            if not inside:
                step = len(starts)
            elif line >= starts[0]:
                step = bisect_right(starts, line) - 1
            sim.run(1)
            if inside and len(sim.marks) and sim.marks[-1][1] == MARK_BEGIN:
                spent[step] += sim.cycle - before
        total = sum(inference.cycles for inference in sim.inferences)
    spent[-1] += total - sum(spent)  # the load of the second mark is no part of the model
    return spent
