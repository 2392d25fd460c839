"""Which registers and bytes of RAM decide how often some loops run.

Where two ways meet, states that differ in these are walked apart; all others are joined. A wrong
answer costs time or tightness and never makes a bound too small.
"""

from __future__ import annotations

from collections.abc import Collection

from .effects import CELLS, effects
from .graph import Graph, Place
from .program import Program
from .state import State
from .steps import POINTERS, address

ALL_CELLS = -1 << CELLS
POINTED = frozenset(POINTERS) | {"lds", "sts"}
Action = tuple[int, int, bool]  # reads, writes, stores somewhere


def relevant(
    program: Program, graph: Graph, places: list[Place], loops: Collection[int]
) -> tuple[list[int], dict[int, int]]:
    """(bits of `effects` for every node, data address -> bit of a byte of RAM): what decides how
    often the given loops run, by their numbers in `places`.
    """
    cells: dict[int, int] = {}
    if not loops:
        return [0] * len(graph.keys), cells
    actions = [_actions(program, graph, node, cells) for node in range(len(graph.keys))]
    exits = [_decides(program, graph, places, node, loops) for node in range(len(graph.keys))]
    at_start = [0] * len(graph.keys)
    waiting = list(range(len(graph.keys)))[::-1]
    queued = set(waiting)
    while waiting:
        node = waiting.pop()
        queued.discard(node)
        bits = exits[node]
        for to in graph.after[node]:
            bits |= at_start[to]
        for reads, writes, anywhere in reversed(actions[node]):
            if anywhere and bits & ALL_CELLS:
                bits |= reads
            elif writes & bits:
                bits = bits & ~writes | reads
        if bits != at_start[node]:
            at_start[node] = bits
            more = graph.before[node] - queued
            waiting.extend(more)
            queued |= more
    return at_start, cells


def _decides(
    program: Program, graph: Graph, places: list[Place], node: int, loops: Collection[int]
) -> int:
    """What the last instruction of a node reads, where it decides whether a loop is left."""
    around = places[node].loops
    if not any(
        loop in loops
        for to in graph.after[node]
        for loop in around[_shared(around, places[to].loops) :]
    ):
        return 0
    last = program.block(graph.keys[node][0]).last
    return effects(last).reads if last else 0


def _shared(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    count = 0
    while count < min(len(a), len(b)) and a[count] == b[count]:
        count += 1
    return count


def _actions(program: Program, graph: Graph, node: int, cells: dict[int, int]) -> list[Action]:
    """What each step of a node reads and writes."""
    state = graph.states[node]
    if state is None:
        return []
    state = state.copy()
    found = []
    for step, i in program.block(graph.keys[node][0]).steps:
        reads, writes = effects(i)
        anywhere = False
        if i.name in POINTED:
            at = address(state, i)
            cell = _cell(at, cells)
            if i.name.startswith("ld"):
                reads = cell if at is not None and i.name == "lds" else reads | cell
            elif at is None:
                anywhere = True
            else:
                writes |= cell
        elif i.name == "push":
            writes |= _cell(state.sp, cells)
        elif i.name == "pop":
            reads |= _cell(state.sp + 1, cells)
        found.append((reads, writes, anywhere))
        step(state, i, program.machine)
    return found


def _cell(at: int | None, cells: dict[int, int]) -> int:
    """The bit of a byte of RAM; all of them where the address is not known."""
    if at is None:
        return ALL_CELLS
    return 1 << cells.setdefault(at, CELLS + len(cells))


def key_of(state: State, bits: int, cells: dict[int, int]) -> tuple:
    """What is known of the relevant part of a state."""
    found: list = [state.r[k] for k in _ones(bits & 0xFFFFFFFF)]
    if bits >> 32 & 1:
        found.append(state.f[0])
    if bits >> 33 & 1:
        found += state.f[1:6]
    if bits >> 34 & 1:
        found.append(state.f[6])
    if bits >> 35 & 1:
        found.append(state.rampz)
    if bits >> CELLS:
        if bits < 0:
            found += [frozenset(state.ram.items()), frozenset(state.pushed.items())]
        else:
            found += [state.load(at) for at, bit in cells.items() if bits >> bit & 1]
    return tuple(found)


_ONES: dict[int, tuple[int, ...]] = {}


def _ones(bits: int) -> tuple[int, ...]:
    found = _ONES.get(bits)
    if found is None:
        found = _ONES[bits] = tuple(k for k in range(32) if bits >> k & 1)
    return found
