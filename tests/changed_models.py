"""Negative controls: a model with one of its numbers changed by one."""

from collections.abc import Iterator
from dataclasses import fields, replace

from tinygen.common.errors import TinygenError
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.leaf_lines import LeafLines
from tinygen.model.operations.lookup import Lookup
from tinygen.model.operations.outside import Outside


def with_one_coefficient_changed(model, rows):
    """The model with one coefficient one larger or smaller: the first one, from the end, that the
    twin can see. Where weights and tables show nothing, any number of a node will do.
    """
    answers = model.predict(rows)
    for kinds in (changes, any_change):
        for place in reversed(range(len(model.nodes))):
            for node in kinds(model.nodes[place]):
                nodes = (*model.nodes[:place], node, *model.nodes[place + 1 :])
                try:
                    changed = replace(model, nodes=nodes)
                    seen = (changed.predict(rows) != answers).any()
                except (TinygenError, ValueError, IndexError):  # no such model
                    continue
                if seen:
                    return changed
    raise AssertionError(f"no coefficient of {model.name} matters on these rows")


def changes(node):
    """The node with one of its numbers changed by one."""
    if isinstance(node, Dense | LeafLines):
        for i, row in enumerate(node.weights):
            for j, weight in enumerate(row):
                nearer = weight - 1 if weight > 0 else weight + 1
                yield replace(
                    node,
                    weights=(
                        *node.weights[:i],
                        (*row[:j], nearer, *row[j + 1 :]),
                        *node.weights[i + 1 :],
                    ),
                )
    if isinstance(node, Lookup):
        for i, curve in enumerate(node.curves):
            for k, value in enumerate(curve.table):
                table = (
                    *curve.table[:k],
                    value - 1 if value > 0 else value + 1,
                    *curve.table[k + 1 :],
                )
                yield replace(
                    node,
                    curves=(*node.curves[:i], replace(curve, table=table), *node.curves[i + 1 :]),
                )
    if isinstance(node, Forest):
        for k, leaf in enumerate(node.leaves):
            yield replace(
                node, leaves=(*node.leaves[:k], (leaf[0] - 1, *leaf[1:]), *node.leaves[k + 1 :])
            )
    if isinstance(node, Outside):
        for k, low in enumerate(node.low):
            yield replace(node, low=(*node.low[:k], low + 1, *node.low[k + 1 :]))


def any_change(node):
    """The node with any of the integers in its tuples changed by one, or with another sign, where
    there is such a node.
    """
    for field in fields(node):
        if isinstance(content := getattr(node, field.name), tuple):
            for changed in _changed(content):
                try:
                    yield replace(node, **{field.name: changed})
                except (TinygenError, ValueError):
                    continue


def _changed(content: tuple) -> Iterator[tuple]:
    """The nested tuple with one of its integers changed."""
    for place, value in enumerate(content):
        if isinstance(value, tuple):
            others = list(_changed(value))
        elif isinstance(value, int) and not isinstance(value, bool):
            others = [value - 1, value + 1, -value]
        else:
            others = []
        for other in others:
            yield (*content[:place], other, *content[place + 1 :])
