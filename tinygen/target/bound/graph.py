"""The blocks that a program can reach, calls written out, and the order to walk them in.

A node is a block in one chain of calls. What is known of registers and memory is first found for
all times a node is reached at once; so loops are seen as loops, and code that no input reaches is
left out.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """Strongly connected parts (R. Tarjan, 1972) in topological order, each in the order in which a
    search in depth leaves it, turned round; `cut`: ways to this node do not count.
    """
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    for root in (first, *nodes):
        if root in index:
            continue
        work = [(root, iter(sorted(graph.after[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, ways = work[-1]
            for to in ways:
                if to not in inside or to == cut:
                    continue
                if to not in index:
                    index[to] = low[to] = len(index)
                    stack.append(to)
                    on_stack.add(to)
                    work.append((to, iter(sorted(graph.after[to]))))
                    break
                if to in on_stack:
                    low[node] = min(low[node], index[to])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part = stack[stack.index(node) :]
                    del stack[len(stack) - len(part) :]
                    on_stack.difference_update(part)
                    found.append(part)
    return found[::-1]
