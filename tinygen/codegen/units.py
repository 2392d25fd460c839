"""Names and units by which a sketch reaches a model's inputs, its output and its classes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..common.text import c_string, comment, identifiers
from ..model.fixedpoint import Quantity
from ..model.model import Model

MOST = 10**9  # of a step's numerator and denominator: both fit int32
COUNTS = 1023  # largest reading of an analog pin


@dataclass(frozen=True)
class Unit:
    """A quantity in a sketch: its C name, and its step as a fraction."""

    name: str  # in capitals
    what: str  # its name and unit, for a comment
    unit: str  # C string literal of a space and the unit
    up: int | None  # raw steps per unit are up / down; None where no short fraction says it
    down: int
    decimals: int  # digits after the point that its step has
    is_counts: bool  # what an analog pin reads, as it is
    example: str  # a reading in the middle of its range
    offset: str = ""  # what raw 0 stands for, a C constant; "" for 0


@dataclass(frozen=True)
class ClassName:
    """A class in a sketch."""

    name: str  # in capitals
    label: str  # C string literal
    size: int  # bytes of it, its end included


def unit_of(q: Quantity, name: str) -> Unit:
    """A quantity under a C name."""
    step = Fraction(repr(q.scale)).limit_denominator(MOST)
    short = 0 < step.numerator <= MOST
    decimals = _decimals(q.scale)
    middle = q.to_physical(q.raw_minimum + (q.raw_maximum - q.raw_minimum) // 2)
    return Unit(
        name,
        comment(f"{q.name} [{q.unit}]" if q.unit else q.name),
        c_string(f" {q.unit}" if q.unit else ""),
        step.denominator if short else None,
        step.numerator,
        decimals,
        q.scale == 1 and not q.offset and q.raw_minimum >= 0 and q.raw_maximum <= COUNTS,
        f"{float(middle):.{decimals}f}",
        _constant(q.offset) if q.offset else "",
    )


def _constant(value: float) -> str:
    """A C constant: long where it is whole, so that whole readings stay exact; else double."""
    return f"{value:.0f}L" if value.is_integer() and abs(value) < 2**31 else repr(float(value))


def input_units(model: Model) -> list[Unit]:
    """The inputs in their order, each with a name of its own."""
    names = identifiers([q.name for q in model.inputs], "INPUT")
    return [unit_of(q, name) for q, name in zip(model.inputs, names)]


def class_names(model: Model) -> list[ClassName]:
    """The classes in their order; empty for a model of a quantity."""
    names = identifiers(model.labels, "NUMBER")
    return [
        ClassName(name, c_string(label), len(label.encode("utf-8", "replace")) + 1)
        for name, label in zip(names, model.labels)
    ]


def label_bytes(classes: list[ClassName]) -> int:
    """Bytes of the longest class name; 0 without classes."""
    return max((c.size for c in classes), default=0)


def _decimals(scale: float) -> int:
    """Digits after the point that a step has, at most 6: 1 for 0.1 and for 2.5."""
    return len(f"{scale:.6f}".rstrip("0").partition(".")[2])
