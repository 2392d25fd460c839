"""Models of every kind for the exporters, and changes that a check must notice."""

from dataclasses import replace
from functools import cache

from random_models import random_models
from signal_models import PLANS, signal_model

from tinygen.model.fixedpoint import Derivation, Quantity
from tinygen.model.model import Model
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.lookup import Lookup
from tinygen.model.parts import Output

LABELS = ("ok", "dry", "wet", "gone")
HOSTILE = (
    '*/ #include "evil.h"',
    '"); evil(); //',
    "${CMAKE_COMMAND} $(shell evil) `evil`",
    "\nevil:\n\tevil\n#define EVIL 1\n",
    '"""\nimport evil\n"""',
    "\u6e29\u5ea6 \u00b5\u202e\ud800",
    "\\n\\\" ' {{ 7*7 }} {% evil %} %s%n",
)


@cache
def row_models() -> dict[str, Model]:
    """Chains of every kind, and a classifier that may be not sure, one of few classes whose scores
    are told, several outputs, categories, an alarm below.
    """
    models = random_models()
    votes, linear = models["votes"], models["linear_narrow"]
    several = replace(
        linear,
        name="several",
        reads=(0, 2, 1),
        threshold=None,
        more=(
            Output("tree", Quantity("z", "%", 0.5, 0.0, 9.0), (2, 0, 1), models["branches"].nodes),
        ),
    )
    classes = {
        "classes": replace(votes, name="classes", labels=LABELS, threshold=None),
        "scored": replace(votes, name="scored", labels=LABELS, threshold=None, scores=True),
        "unsure": replace(
            votes, name="unsure", labels=LABELS, threshold=None, scores=True, sure_margin=60
        ),
    }
    made = [Derivation(("place",), label=label, labels=("in", "out")) for label in ("in", "out")]
    made.append(Derivation(("when",), "hour"))
    placed = tuple(Quantity(f"{d.columns[0]}", "", 1.0, *d.range, derivation=d) for d in made)
    return {
        **models,
        **classes,
        "several": several,
        "placed": replace(linear, name="placed", inputs=placed),
        "below": replace(linear, name="below", threshold=None, alarm_below=-7),
    }


SIGNALS = ("narrow", "wide_slow", "least_window")  # every kind of stream and feature is in each


@cache
def every_model():
    """The same, and models of signals."""
    cost = {"cycles_sample": 900, "cycles_window": 3000, "ram_bytes": 80, "stack_bytes": 60}
    signals = {
        name: replace(signal_model(name, *PLANS[name]), training={"signals": cost})
        for name in SIGNALS
    }
    return {**row_models(), **signals}


def hostile(model: Model, texts=HOSTILE) -> Model:
    """The model with these texts wherever a file or a user can put one."""
    name = lambda k: texts[k % len(texts)]
    return replace(
        model,
        family=name(6),
        inputs=tuple(
            replace(q, name=name(k), unit=name(k + 1)) for k, q in enumerate(model.inputs)
        ),
        output=replace(model.output, name=name(4), unit=name(5)),
        labels=tuple(f"{name(k)}{k}" for k in range(len(model.labels))),
    )


def flipped(model: Model) -> Model:
    """The model with one number of its last sums changed: a coefficient by one."""
    nodes = list(model.nodes)
    last = max(k for k, node in enumerate(nodes) if isinstance(node, (Dense, Forest, Lookup)))
    node = nodes[last]
    if isinstance(node, Dense):
        weights = ((node.weights[0][0] + 1, *node.weights[0][1:]), *node.weights[1:])
        nodes[last] = replace(node, weights=weights)
    elif isinstance(node, Forest):
        nodes[last] = replace(node, bias=(node.bias[0] + 9, *node.bias[1:]))
    else:
        nodes[last] = replace(node, bias=node.bias + 1)
    return replace(model, nodes=tuple(nodes))
