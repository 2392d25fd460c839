"""Negative controls: a model with one of its numbers changed by one."""

from dataclasses import replace

from tinygen.model.operations.dense import Dense
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.lookup import Lookup
from tinygen.model.operations.outside import Outside


def with_one_coefficient_changed(model, rows):
    """The model with one coefficient one larger or smaller: the first one, from the end, that the
    twin can see.
    """
    for place in reversed(range(len(model.nodes))):
        for node in changes(model.nodes[place]):
            changed = replace(model, nodes=(*model.nodes[:place], node, *model.nodes[place + 1 :]))
            if (changed.predict(rows) != model.predict(rows)).any():
                return changed
    raise AssertionError(f"no coefficient of {model.name} matters on these rows")


def changes(node):
    """The node with one of its numbers changed by one."""
    if isinstance(node, Dense):
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
