"""How converted.py calls the other generators: each in the ways that it offers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from converted_models import Fitted
from peer_code import CPLUSPLUS, Code, as_array, listed

TREES = ("tree", "forest")


@dataclass(frozen=True)
class Way:
    """A call of a generator and what has to stand around what it writes."""

    package: str
    title: str
    kinds: tuple[str, ...]
    write: Callable[[Fitted], Code]
    suits: Callable[[Fitted], bool] = lambda fitted: True


def _classes(fitted: Fitted) -> bool:
    return fitted.task.classes


# ---- emlearn ----


def _emlearn_trees(dtype: str, lowered: bool = False, **options) -> Callable[[Fitted], Code]:
    """lowered: its integer code asks `x < (int)t` where scikit-learn asks `x <= t`; for readings
    above 0 that are one less both are the same.
    """

    def write(fitted: Fitted) -> Code:
        import emlearn

        converted = emlearn.convert(fitted.plain, dtype=dtype, **options)
        text = converted.save(name="trees")
        copied = lowered or dtype != "int16_t"
        value = f"({dtype})(x[i]{' - 1' if lowered else ''})"
        body = as_array(dtype, value) if copied else ""
        call = f"trees_predict({'v' if copied else 'x'}, PEER_INPUTS)"
        end = f"    return (int16_t){call};" if _classes(fitted) else f"    float y = {call};"
        return Code(text, body + end)

    return write


def _emlearn_net(scaled: bool, **options) -> Callable[[Fitted], Code]:
    """scaled: the readings are scaled in front of it; otherwise the scaler is folded into it."""

    def write(fitted: Fitted) -> Code:
        import emlearn

        kind = "classifier" if _classes(fitted) else "regressor"
        net = fitted.unscaled if scaled else fitted.plain
        save = {"inference": ["inline"]} if options.get("method") == "inline" else {}
        text = emlearn.convert(net, return_type=kind, **options).save(name="net", **save)
        value = "x[i]"
        if scaled:
            text, value = _scaled_by_hand(fitted, text)
        body = as_array("float", value)
        if _classes(fitted):
            return Code(text, body + "    return (int16_t)net_predict(v, PEER_INPUTS);")
        back = f" * {fitted.gain:.9e}f + {fitted.offset:.9e}f" if scaled else ""
        return Code(text, f"{body}    float y = net_regress1(v, PEER_INPUTS){back};")

    return write


def _scaled_by_hand(fitted: Fitted, text: str) -> tuple[str, str]:
    """The text with the scaler's numbers, and a scaled reading in C."""
    mean, factor = fitted.scaler.mean_, 1 / fitted.scaler.scale_
    text += f"\nstatic const float mean[] = {{{listed(mean)}}}, factor[] = {{{listed(factor)}}};\n"
    return text, "(x[i] - mean[i]) * factor[i]"


def _emlearn_linear(fitted: Fitted) -> Code:
    import emlearn

    return Code(emlearn.convert(fitted.plain).save(name="linear"), "    return 0;")


# ---- m2cgen ----


def _m2cgen(fitted: Fitted) -> Code:
    import m2cgen

    text, body = m2cgen.export_to_c(fitted.plain), as_array("double")
    if not _classes(fitted):
        return Code(text, f"{body}    double y = score(v);")
    if "double * output" not in text:
        return Code(text, f"{body}    return score(v) > 0;")
    count = len(fitted.plain.classes_)
    return Code(
        text,
        f"{body}    double scores[{count}];\n    score(v, scores);\n    uint8_t best = 0;\n"
        f"    for (uint8_t k = 1; k < {count}; ++k) {{\n"
        "        if (scores[k] > scores[best]) {\n            best = k;\n        }\n    }\n"
        "    return best;",
    )


# ---- micromlgen ----


def _micromlgen(mended: bool, platform: str = "arduino") -> Callable[[Fitted], Code]:
    """mended: with the C header that avr-gcc has in place of the C++ one that it has not."""

    def write(fitted: Fitted) -> Code:
        import micromlgen

        text = micromlgen.port(fitted.plain, platform=platform)
        if mended:
            text = text.replace("#include <cstdarg>", "#include <stdarg.h>")
        name = re.search(r"class (\w+)", text)[1]
        call = f"Eloquent::ML::Port::{name}().predict(v)"
        end = f"    return {call};" if _classes(fitted) else f"    float y = {call};"
        return Code(text, as_array("float") + end, CPLUSPLUS)

    return write


def _small(fitted: Fitted) -> bool:
    return bool(np.abs(fitted.task.dataset.x).max() <= 127)


WAYS = (
    Way("emlearn", "inline, int16", TREES, _emlearn_trees("int16_t", method="inline")),
    Way("emlearn", "inline, int8", TREES, _emlearn_trees("int8_t", method="inline"), _small),
    Way(
        "emlearn",
        "inline, int16, readings one less, by hand",
        TREES,
        _emlearn_trees("int16_t", True, method="inline"),
    ),
    Way("emlearn", "inline, float", TREES, _emlearn_trees("float", method="inline")),
    Way("emlearn", "loadable, int16", TREES, _emlearn_trees("int16_t", method="loadable")),
    Way(
        "emlearn",
        "loadable, int16, readings one less, by hand",
        TREES,
        _emlearn_trees("int16_t", True, method="loadable"),
    ),
    Way(
        "emlearn",
        "inline, int16, leaves of 8 bits, readings one less, by hand",
        TREES,
        _emlearn_trees("int16_t", True, method="inline", leaf_bits=8),
        _classes,
    ),
    Way(
        "emlearn",
        "loadable, int16, leaves of 8 bits, readings one less, by hand",
        TREES,
        _emlearn_trees("int16_t", True, method="loadable", leaf_bits=8),
        _classes,
    ),
    Way("emlearn", "loadable, readings scaled by hand", ("net",), _emlearn_net(True)),
    Way("emlearn", "loadable, scaler folded by hand", ("net",), _emlearn_net(False)),
    Way(
        "emlearn",
        "inline, readings scaled by hand",
        ("net",),
        _emlearn_net(True, method="inline"),
    ),
    Way(
        "emlearn",
        "inline, Q16, readings scaled by hand",
        ("net",),
        _emlearn_net(True, method="inline", use_fixedpoint=True),
        _classes,
    ),
    Way("emlearn", "as it is", ("linear",), _emlearn_linear),
    Way("m2cgen", "double", ("tree", "forest", "net", "linear"), _m2cgen),
    Way("micromlgen", "as it is", ("tree", "forest", "net", "linear"), _micromlgen(False)),
    Way("micromlgen", "stdarg.h by hand", ("tree", "forest", "linear"), _micromlgen(True)),
    Way(
        "micromlgen",
        "attiny, stdarg.h by hand",
        ("linear",),
        _micromlgen(True, "attiny"),
    ),
)
