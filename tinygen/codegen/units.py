"""Names and units by which a sketch reaches a model's inputs, its output and its classes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..common.text import c_string, comment, identifiers
from ..model.fixedpoint import Quantity
from ..model.signals.any_model import AnyModel

MOST = 10**9  # of a step's numerator and denominator: both fit int32
COUNTS = 1023  # largest reading of an analog pin
COUNT_UNITS = ("", "adc", "count", "counts", "lsb", "raw", "step", "steps")  # what a pin reads in


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
    is_label: bool = False  # 1 or 0 of a category's label, set by the category


@dataclass(frozen=True)
class ClassName:
    """A class in a sketch."""

    name: str  # in capitals
    label: str  # C string literal
    size: int  # bytes of it, its end included


@dataclass(frozen=True)
class Label:
    """A label of a category in a sketch."""

    name: str  # in capitals
    text: str  # for a comment
    place: int | None  # of its input in x; None where the model does without


@dataclass(frozen=True)
class Category:
    """A column of labels, whose inputs a sketch sets together."""

    name: str  # as in a C function
    column: str  # for a comment
    labels: tuple[Label, ...]  # in the order of their numbers


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
        _is_counts(q),
        f"{float(middle):.{decimals}f}",
        _constant(q.offset) if q.offset else "",
        bool(q.derivation and q.derivation.labels),
    )


def _is_counts(q: Quantity) -> bool:
    fits = q.raw_minimum >= 0 and q.raw_maximum <= COUNTS
    return fits and steps_of_a_pin(q) and not q.derivation


def steps_of_a_pin(q: Quantity) -> bool:
    """True where a raw step may be one of an analog pin: whole numbers without a physical unit."""
    return q.scale == 1 and not q.offset and q.unit.casefold() in COUNT_UNITS


def _constant(value: float) -> str:
    """A C constant: long where it is whole, so that whole readings stay exact; else double."""
    return f"{value:.0f}L" if value.is_integer() and abs(value) < 2**31 else repr(float(value))


def input_units(model: AnyModel) -> list[Unit]:
    """The inputs in their order, each with a name of its own."""
    names = identifiers([q.name for q in model.inputs], "INPUT")
    return [unit_of(q, name) for q, name in zip(model.inputs, names)]


def categories(model: AnyModel) -> list[Category]:
    """The categories that inputs are made of, in the order of their first input."""
    places = {
        (q.derivation.columns[0], q.derivation.label): place
        for place, q in enumerate(model.inputs)
        if q.derivation and q.derivation.labels
    }
    known = {
        q.derivation.columns[0]: q.derivation.labels
        for q in model.inputs
        if q.derivation and q.derivation.labels
    }
    functions = identifiers(known, "CATEGORY")
    pairs = [(column, label) for column, labels in known.items() for label in labels]
    names = dict(zip(pairs, identifiers([" ".join(pair) for pair in pairs], "LABEL")))
    return [
        Category(
            function.lower(),
            comment(column),
            tuple(
                Label(names[column, label], comment(label), places.get((column, label)))
                for label in labels
            ),
        )
        for function, (column, labels) in zip(functions, known.items())
    ]


def class_names(model: AnyModel) -> list[ClassName]:
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
