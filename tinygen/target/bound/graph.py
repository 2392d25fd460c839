"""The blocks that a program can reach, calls written out, and the order to walk them in.

A node is a block in one chain of calls. What is known of registers and memory is first found for
all times a node is reached at once; so loops are seen as loops, and code that no input reaches is
left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .program import END, Program
from .state import State, Unbounded

WIDEN_AFTER = 3  # visits from which on what differs is unknown
MOST_NODES = 100_000

Key = tuple[int, int, tuple]  # word address, stack pointer, calls


@dataclass
class Graph:
    """Nodes by number: 0 is the first, 1 the end."""

    keys: list[Key] = field(default_factory=list)
    states: list[State | None] = field(default_factory=list)
    after: list[set[int]] = field(default_factory=list)
    before: list[set[int]] = field(default_factory=list)
    number: dict[Key, int] = field(default_factory=dict)

    def node(self, key: Key) -> int:
        """The number of a node, given to it now where it is new."""
        found = self.number.get(key)
        if found is None:
            found = self.number[key] = len(self.keys)
            self.keys.append(key)
            self.states.append(None)
            self.after.append(set())
            self.before.append(set())
        return found


def key_of(place: int, state: State) -> Key:
    """The node that a state is at."""
    return (END, 0, ()) if place == END else (place, state.sp, state.calls)


def discover(program: Program, place: int, state: State) -> Graph:
    """All nodes that `state` at `place` can reach. Unbounded where that does not end."""
    graph = Graph()
    first = graph.node(key_of(place, state))
    graph.node((END, 0, ()))
    graph.states[first] = state.copy()
    visits: dict[int, int] = {}
    waiting = [first]
    while waiting:
        here = waiting.pop()
        known = graph.states[here]
        assert known is not None
        for to, found in program.run(known.copy(), graph.keys[here][0]):
            node = graph.node(key_of(to, found))
            graph.after[here].add(node)
            graph.before[node].add(here)
            if to == END:
                continue
            found.cycles = 0
            stored = graph.states[node]
            if stored is None:
                graph.states[node] = found
                waiting.append(node)
            elif stored.join(found, visits.get(node, 0) > WIDEN_AFTER):
                visits[node] = visits.get(node, 0) + 1
                waiting.append(node)
        if len(graph.keys) > MOST_NODES:
            raise Unbounded(f"{program.where(place)} reaches more than {MOST_NODES} blocks")
    if not graph.before[1]:
        raise Unbounded(f"{program.where(place)} begins what never comes to an end")
    return graph


@dataclass(frozen=True)
class Place:
    """Where a node stands in the order: the loops around it, outermost first, and its index in each
    of them and outside of them all.
    """

    loops: tuple[int, ...]
    indices: tuple[int, ...]  # one more than loops
    head: bool  # a loop begins with it


def order(graph: Graph) -> list[Place]:
    """The place of every node. A loop's nodes come together, its first one before the others; but
    for ways back to the first node of a loop all ways go forward.
    """
    places: list[Place | None] = [None] * len(graph.keys)
    parts: list[tuple[list[int], int, tuple[int, ...], tuple[int, ...]]]
    parts = [(list(range(len(graph.keys))), 0, (), ())]
    loops = 0
    while parts:
        nodes, first, around, indices = parts.pop()
        inside = set(nodes)
        cut = first if around else -1
        for index, part in enumerate(_components(graph, nodes, inside, first, cut)):
            if len(part) == 1 and (part[0] == cut or part[0] not in graph.after[part[0]]):
                head = bool(around) and part[0] == first
                places[part[0]] = Place(around, (*indices, index), head)
                continue
            whole = set(part)
            entry = next((n for n in part if not graph.before[n] <= whole), part[0])
            parts.append((part, entry, (*around, loops), (*indices, index)))
            loops += 1
    return [place or Place((), (0,), False) for place in places]


def _components(
    graph: Graph, nodes: Iterable[int], inside: set[int], first: int, cut: int
) -> list[list[int]]:
    """Strongly connected parts in topological order; `cut`: ways to this node do not count."""

    def ways(node: int) -> Iterator[int]:
        return iter(sorted(to for to in graph.after[node] if to in inside and to != cut))

    search = _Search(ways)
    for root in (first, *nodes):
        if root not in search.index:
            search.run(root)
    return search.found[::-1]


class _Search:
    """R. Tarjan's search in depth (1972), without recursion."""

    def __init__(self, ways: Callable[[int], Iterator[int]]) -> None:
        self._ways = ways
        self.index: dict[int, int] = {}
        self.found: list[list[int]] = []  # the parts, last ones first
        self._low: dict[int, int] = {}
        self._stack: list[int] = []
        self._on_stack: set[int] = set()

    def _enter(self, node: int) -> tuple[int, Iterator[int]]:
        self.index[node] = self._low[node] = len(self.index)
        self._stack.append(node)
        self._on_stack.add(node)
        return node, self._ways(node)

    def run(self, root: int) -> None:
        """From a node on."""
        work = [self._enter(root)]
        while work:
            node, ways = work[-1]
            for to in ways:
                if to not in self.index:
                    work.append(self._enter(to))
                    break
                if to in self._on_stack:
                    self._low[node] = min(self._low[node], self.index[to])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    self._low[above] = min(self._low[above], self._low[node])
                self._close(node)

    def _close(self, node: int) -> None:
        if self._low[node] == self.index[node]:
            part = self._stack[self._stack.index(node) :]
            del self._stack[len(self._stack) - len(part) :]
            self._on_stack.difference_update(part)
            self.found.append(part)
