"""The one table of peers: the ways of converted_ways.py and those of three more generators.

everywhereml's classes are fitted anew, with the same seed: it has no others. sklearn2c writes
arrays and leaves the walk through them to the reader. "float C" is what a programmer writes by
hand: weights in flash, no call that is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from converted_models import KINDS, Fitted
from converted_ways import TREES, WAYS, Way
from peer_code import CPLUSPLUS, Code, as_array, listed

WITHOUT_ARDUINO = """#include <stddef.h>
static inline unsigned long micros(void) { return 0; }
"""
READ = "#include <avr/pgmspace.h>\n#define AT(a) pgm_read_float(&(a))\n"
ARGMAX = """    uint8_t best = 0;
    for (uint8_t k = 1; k < {n}; ++k) {{
        if (s[k] > s[best]) {{
            best = k;
        }}
    }}
    return best;"""


def _classes(fitted: Fitted) -> bool:
    return fitted.task.classes


def _numbers(fitted: Fitted) -> bool:
    return not fitted.task.classes


# ---- everywhereml ----


def _everywhereml(fitted: Fitted) -> Code:
    from everywhereml.sklearn.ensemble import RandomForestClassifier
    from everywhereml.sklearn.tree import DecisionTreeClassifier

    kind = DecisionTreeClassifier if fitted.kind == "tree" else RandomForestClassifier
    own = kind(**fitted.plain.get_params()).fit(fitted.training_rows, fitted.training_targets)
    text = own.to_arduino(instance_name="peer")
    return Code(
        WITHOUT_ARDUINO + text, as_array("float") + "    return peer.predict(v);", CPLUSPLUS
    )


# ---- sklearn2c ----


def _exported(writer) -> str:
    """The header and the source that an export writes, as one text."""
    writer.export("peer_config")
    header, source = (Path(f"peer_config.{end}").read_text() for end in "hc")
    return header + "\n" + source.replace('#include "peer_config.h"', "")


WALK = """    int at = 0;
    while (LEFT_CHILDREN[at] >= 0) {
        at = x[SPLIT_FEATURE[at]] <= THRESHOLDS[at] ? LEFT_CHILDREN[at] : RIGHT_CHILDREN[at];
    }
"""


def _sklearn2c_tree(fitted: Fitted) -> Code:
    if fitted.task.classes:
        from sklearn2c import DTClassifier

        writer = DTClassifier()
        writer.clf = fitted.plain
        end = "    const int *s = VALUES[at];\n" + ARGMAX.format(n="NUM_CLASSES")
        return Code(_exported(writer), WALK + end)
    from sklearn2c import DTRegressor

    writer = DTRegressor()
    writer.reg = fitted.plain
    return Code(_exported(writer), f"{WALK}    float y = VALUES[at];")


def _sklearn2c_linear(fitted: Fitted) -> Code:
    from sklearn2c import LinearRegressor

    writer = LinearRegressor()
    writer.reg = fitted.plain
    return Code(
        _exported(writer),
        "    float y = OFFSET;\n    for (uint8_t i = 0; i < NUM_FEATURES; ++i) {\n"
        "        y += COEFFS[i] * x[i];\n    }",
    )


# ---- by hand ----


def _array(name: str, values: Iterable[float]) -> str:
    return f"static const float {name}[] PROGMEM = {{{listed(values)}}};\n"


def _layer(k: int, inputs: int, outputs: int, source: str, relu: bool) -> str:
    """C lines of one layer: `h{k}` from `source`."""
    last = f"        h{k}[j] = t{' < 0 ? 0 : t' if relu else ''};\n"
    return (
        f"    float h{k}[{outputs}];\n    for (uint8_t j = 0; j < {outputs}; ++j) {{\n"
        f"        float t = AT(b{k}[j]);\n"
        f"        for (uint8_t i = 0; i < {inputs}; ++i) {{\n"
        f"            t += AT(w{k}[{inputs} * j + i]) * {source}[i];\n        }}\n{last}    }}\n"
    )


def _float_layers(fitted: Fitted) -> Code:
    """A net or a linear model, the scaler folded into the first layer."""
    plain = fitted.plain
    if fitted.kind == "net":
        layers = list(zip([w.T for w in plain.coefs_], plain.intercepts_))
    else:
        layers = [(np.atleast_2d(plain.coef_), np.atleast_1d(plain.intercept_))]
    text, body, source = READ, "", "x"
    for k, (weights, bias) in enumerate(layers):
        text += _array(f"w{k}", weights) + _array(f"b{k}", bias)
        outputs, inputs = weights.shape
        body += _layer(k, inputs, outputs, source, relu=k < len(layers) - 1)
        source = f"h{k}"
    if not fitted.task.classes:
        return Code(text, f"{body}    float y = {source}[0];")
    if outputs == 1:
        return Code(text, f"{body}    return {source}[0] > 0;")
    return Code(text, f"{body}    const float *s = {source};\n" + ARGMAX.format(n=outputs))


def _branches(tree, at: int, leaf: Callable[[np.ndarray], str]) -> str:
    if tree.children_left[at] < 0:
        return leaf(tree.value[at][0])
    left, right = (
        _branches(tree, int(c[at]), leaf) for c in (tree.children_left, tree.children_right)
    )
    test = f"x[{tree.feature[at]}] <= {float(tree.threshold[at]):.9e}f"
    return f"if ({test}) {{ {left} }} else {{ {right} }}"


def _float_trees(fitted: Fitted) -> Code:
    """if and else on float thresholds; of several trees the mean of numbers, of classes the sum of
    what scikit-learn adds up.
    """
    trees = fitted.plain.estimators_ if fitted.kind == "forest" else [fitted.plain]
    if not fitted.task.classes:
        body = "".join(_branches(t.tree_, 0, lambda v: f"y += {v[0]:.9e}f;") + "\n" for t in trees)
        return Code("", f"    float y = 0;\n{body}    y /= {len(trees)};")
    count = len(fitted.plain.classes_)

    def leaf(values: np.ndarray) -> str:
        return " ".join(f"s[{k}] += {v:.9e}f;" for k, v in enumerate(values) if v)

    body = "".join(_branches(t.tree_, 0, leaf) + "\n" for t in trees)
    return Code("", f"    float s[{count}] = {{0}};\n{body}" + ARGMAX.format(n=count))


PEERS = (
    *WAYS,
    Way("everywhereml", "to_arduino, micros() by hand", TREES, _everywhereml, _classes),
    Way("sklearn2c", "the walk by hand", ("tree",), _sklearn2c_tree),
    Way("sklearn2c", "the sum by hand", ("linear",), _sklearn2c_linear, _numbers),
    Way("float C", "if and else", TREES, _float_trees),
    Way("float C", "loops, weights in flash", ("net", "linear"), _float_layers),
)
PACKAGES = tuple(dict.fromkeys(way.package for way in PEERS))


def offered(fitted: Fitted) -> list[Way]:
    """The ways that take an estimator."""
    return [way for way in PEERS if fitted.kind in way.kinds and way.suits(fitted)]


def not_offered(classes: bool) -> list[str]:
    """Which kinds of estimators a peer does not take, one line each."""
    lines = []
    for package in PACKAGES:
        kinds = {k for way in PEERS if way.package == package for k in way.kinds}
        if package == "everywhereml" and not classes:
            kinds = set()
        if package == "sklearn2c" and classes:
            kinds -= {"linear"}
        if missing := [k for k in KINDS if k not in kinds]:
            lines.append(f"{package}: {', '.join(missing)}")
    return lines
