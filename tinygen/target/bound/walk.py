"""The longest way from the first mark of a program to the second, and its deepest stack.

Loops are walked round by round and calls where they are made, so that each place of each round is
reached after all that lead to it: there the ways meet, and the longer one counts.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from .graph import Graph, Place, discover, key_of, order
from .program import END, Program
from .relevance import key_of as relevant_key
from .relevance import relevant
from .state import State, Unbounded

MOST_BLOCKS = 2_000_000  # that a walk goes through


@dataclass(frozen=True)
class CycleBound:
    """No run between the marks takes more."""

    cycles: int
    stack_bytes: int  # of the call between the marks, its return address left out
    blocks: int  # that were walked


def cycle_bound(elf: Path, mcu: str, through: str = "") -> CycleBound:
    """Of the linked program `elf` for a classic AVR, between its marks 1 and 2, interrupts left
    out. Unbounded where a loop, a call or a jump allows no bound.

    through: what is in the name of the function that a pointer in memory is taken to point to.
    """
    program = Program.read(elf, mcu)
    if through:
        program.go_through(through)
    starts = program.starts()
    if not starts:
        raise Unbounded(f"{elf.name} has no instruction that writes mark 1")
    found = [_longest(program, *start) for start in starts]
    return CycleBound(
        max(f.cycles for f in found),
        max(f.stack_bytes for f in found),
        sum(f.blocks for f in found),
    )


class _Endless(Exception):
    """A loop, by its number, that a walk came into in a state it had been in before."""

    def __init__(self, loop: int, message: str) -> None:
        super().__init__(message)
        self.loop = loop


def _longest(program: Program, start: int, state: State) -> CycleBound:
    """At first all ways that meet are joined. A loop that has no end then, as a walk down a tree,
    is walked anew with all apart that decides how often it runs.
    """
    graph = discover(program, start, state)
    places = order(graph)
    loops: set[int] = set()
    while True:
        try:
            return _Walk(program, graph, places, loops, state.copy()).longest()
        except _Endless as error:
            if error.loop in loops:
                raise Unbounded(str(error)) from None
            loops.add(error.loop)


class _Walk:
    def __init__(
        self,
        program: Program,
        graph: Graph,
        places: list[Place],
        loops: Collection[int],
        state: State,
    ) -> None:
        self._program, self._graph, self._places = program, graph, places
        self._bits, self._cells = relevant(program, graph, places, loops)
        self._waiting: dict[tuple, dict[tuple, State]] = {}
        self._queue: list[tuple[tuple, int]] = []
        self._seen: dict[tuple, set[int]] = {}
        self._blocks = 0
        self._steps: dict[tuple[int, int], tuple[int, bool]] = {}
        self._add(self._first(), 0, state)

    def _first(self) -> tuple:
        place = self._places[0]
        found: list[int] = []
        for index in place.indices[:-1]:
            found += [index, 0]
        return (*found, place.indices[-1])

    def longest(self) -> CycleBound:
        """The bound."""
        end: State | None = None
        while self._queue:
            when, node = heapq.heappop(self._queue)
            states = self._waiting.pop((when, node))
            if node == 1:
                (end,) = states.values()
                continue
            if self._places[node].head:
                self._require_progress(when, node, states)
            self._blocks += len(states)
            if self._blocks > MOST_BLOCKS:
                raise Unbounded(
                    f"{self._name(node)}: no bound found within {MOST_BLOCKS} blocks of code"
                )
            for state in states.values():
                self._go_on(when, node, state)
        if end is None:
            raise Unbounded(f"{self._name(0)} begins what never comes to an end")
        stack = end.top - end.lowest - self._program.machine.return_bytes
        return CycleBound(end.cycles, max(stack, 0), self._blocks)

    def _name(self, node: int) -> str:
        return self._program.where(self._graph.keys[node][0])

    def _go_on(self, when: tuple, node: int, state: State) -> None:
        for to, found in self._program.run(state, self._graph.keys[node][0]):
            following = 1 if to == END else self._graph.number.get(key_of(to, found))
            if following in self._graph.after[node]:  # else discovered to be no way of the chip's
                self._add(self._when(when, node, following), following, found)

    def _add(self, when: tuple, node: int, state: State) -> None:
        states = self._waiting.get((when, node))
        if states is None:
            states = self._waiting[when, node] = {}
            heapq.heappush(self._queue, (when, node))
        key = () if node == 1 else relevant_key(state, self._bits[node], self._cells)
        stored = states.get(key)
        if stored is None:
            states[key] = state
        else:
            stored.join(state)

    def _when(self, when: tuple, node: int, following: int) -> tuple:
        """The moment of the following node: its place, with the rounds of the loops around it."""
        step = self._steps.get((node, following))
        if step is None:
            a, b = self._places[node], self._places[following]
            shared = 0
            while shared < min(len(a.loops), len(b.loops)) and a.loops[shared] == b.loops[shared]:
                shared += 1
            step = self._steps[node, following] = shared, b.head and shared == len(b.loops)
        shared, again = step
        place = self._places[following]
        found = list(when[: 2 * shared])
        if again:
            found[-1] += 1
        for index in place.indices[shared:-1]:
            found += [index, 0]
        return (*found, place.indices[-1])

    def _require_progress(self, when: tuple, node: int, states: dict[tuple, State]) -> None:
        """A state that a loop was in before would come again for ever."""
        seen = self._seen.setdefault((when[:-2], node), set())
        for state in states.values():
            key = hash(state.key())
            if key in seen:
                raise _Endless(
                    self._places[node].loops[-1],
                    f"{self._name(node)}: nothing bounds the rounds of this loop",
                )
            seen.add(key)
