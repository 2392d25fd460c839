"""What `tinygen.toml` may hold, and reading it strictly: the fields, their types and bounds.

A wrong file is one line: tinygen.toml: budget.flash is -3: expected an int >= 0.
"""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..common.choices import DATE_ORDERS, OPTIMIZE, SPLITS, TASKS
from ..common.errors import UsageError, show
from ..common.files import read_words

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES, MOST_DOTS = 65_536, 500  # a key of thousands of parts takes the parser minutes

Text = Annotated[str, Meta(min_length=1, max_length=1_000)]
Count = Annotated[int, Meta(ge=0, lt=2**31)]
Positive = Annotated[int, Meta(ge=1, lt=2**31)]
Seconds = Annotated[float, Meta(ge=0)]


class Group(Struct, forbid_unknown_fields=True, rename="kebab", frozen=True):
    """Fields that may be left out, and no others."""


class Budget(Group, frozen=True):
    """What the model alone may cost."""

    flash: Count | None = None  # bytes
    ram: Count | None = None  # bytes of static RAM
    cycles: Count | None = None  # of one inference


class Protocol(Group, frozen=True):
    """How rows are sent to the board."""

    port: Text | None = None  # "sim", "auto", or a serial port
    baud: Annotated[int, Meta(ge=300, le=2_000_000)] | None = None
    window: Positive | None = None  # rows on their way at once
    tries: Positive | None = None  # times that a row is sent
    pace: Seconds | None = None  # s from row to row
    reconnect: Seconds | None = None  # s to wait for a board that was unplugged


Pin = Annotated[int, Meta(ge=0, le=255)]


class Pins(Group, frozen=True):
    """Where the LEDs are, as Arduino counts the board's pins."""

    red: Pin | None = None  # the alarm, or class 0
    green: Pin | None = None  # no alarm, or class 1
    third: Pin | None = None  # class 2
    fourth: Pin | None = None  # class 3


class Signals(Group, frozen=True):
    """How rows are samples of recordings, and what their windows are for."""

    window: Text | None = None  # "2s": length of a window
    hop: Text | None = None  # from one window to the next
    rate: Annotated[float, Meta(gt=0)] | None = None  # samples per second
    time: Text | None = None  # column of times
    recording: Text | None = None  # column that numbers recordings
    group: Text | None = None  # column of persons or machines
    test: Text | None = None  # "COL=V,..": the recordings that test
    votes: Annotated[int, Meta(ge=1, le=15)] | None = None  # answers that decide together
    max_load: Annotated[float, Meta(ge=1, le=100)] | None = None  # % of the processor's time
    normal: list[Text] | None = None  # labels of the usual recordings, for a guard
    alarms_per_day: Annotated[float, Meta(ge=0.001, le=86_400)] | None = (
        None  # most false alarms of a guard
    )


class Out(Group, frozen=True):
    """Where commands write; the model itself is `model`."""

    build: Text | None = None
    card: Text | None = None
    emit: Text | None = None
    guard: Text | None = None
    predict: Text | None = None
    report: Text | None = None


class Spec(Group, frozen=True):
    """All fields of the file; a path is relative to the file."""

    data: Text | list[Text] | None = None  # several files are one table
    model: Text | None = None
    name: Text | None = None
    target: Text | list[Text] | None = None  # several make one model of several outputs
    inputs: list[Text] | None = None
    drop: list[Text] | None = None
    categories: list[Text] | None = None
    time_inputs: list[Text] | None = None
    date_order: Text | None = None
    missing: list[Text | int | float] | None = None
    skip_bad: bool | None = None
    split: Text | None = None
    task: Text | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    family: Text | None = None
    threshold: float | None = None
    alarm_below: float | None = None
    alarm_cost: Text | None = None
    max_inputs: Positive | None = None
    robust: bool | None = None
    balance: bool | None = None
    scores: bool | None = None
    reject: float | None = None
    error_bars: float | None = None
    optimize: Text | None = None
    board: Text | None = None
    units: dict[Text, Text] | None = None
    budget: Budget = Budget()
    pins: Pins = Pins()
    protocol: Protocol = Protocol()
    signals: Signals = Signals()
    out: Out = Out()


KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date",
}
WORDS = {"split": SPLITS, "task": TASKS, "optimize": OPTIMIZE, "date_order": DATE_ORDERS}


def read_spec(path: Path) -> dict[str, Any]:
    """The fields that a spec file gives, by dotted name in Python's spelling: "budget.flash".

    Raises UsageError, one line with the field's path, for whatever is not as it should be.
    """
    text = read_words(path, "spec", MOST_BYTES)
    try:
        raw = _parsed(text)
        for name, value in _leaves(raw):
            _require_sane(name, value)
        spec = msgspec.convert(raw, Spec)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {_told(str(error), raw)}") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    return dict(_given(spec))


def _parsed(text: str) -> dict[str, Any]:
    """The TOML of a text; ValueError where it is none, or is made to keep the parser busy."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > MOST_DOTS:
            raise ValueError(f"line {number} has more than {MOST_DOTS} dots: shorten it")
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ValueError("its lists or tables are nested too deep: flatten them") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from None
    except ValueError:  # what int() says of thousands of digits
        raise ValueError("a number has too many digits: shorten it") from None


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of all that is no table or list, and ("name", key) of every key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield name or "a field's name", key
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{name}[{place}]")
    else:
        yield name, value


def _require_sane(name: str, value: Any) -> None:
    """ValueError for what no option on the command line could be either."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}: write a finite number")
    if isinstance(value, str) and any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError(f"{name} has a control character in {show(value)}: take it out")
    if name in WORDS and isinstance(value, str) and value not in WORDS[name]:
        nearest = difflib.get_close_matches(value, WORDS[name], 1, 0.0)[0]
        words = ", ".join(WORDS[name])
        raise ValueError(f"{name} is {show(value)}: it is one of {words}, the nearest is {nearest}")


def _told(error: str, raw: dict[str, Any]) -> str:
    """msgspec's message in our order: the field, its value, what is expected."""
    at = re.search(r" - at `(key` in `)?\$\.?(.*)`$", error, re.DOTALL)
    words, where = (error[: at.start()], at[2]) if at else (error, "")
    if at and at[1]:
        return f"a name in {where} is empty or longer than 1,000 characters: mend it"
    if unknown := re.search(r"unknown field `(.*)`", words, re.DOTALL):
        return _unknown(f"{where}.{unknown[1]}" if where else unknown[1])
    value, name = _found(raw, where)
    expected = words.replace("Expected ", "").replace(" | null", "")
    for kind, plain in KINDS.items():
        expected = expected.replace(f"`{kind}`", plain)
    return f"{name or 'the file'} is {_toml(value)}: expected {expected}"


def _found(raw: dict[str, Any], where: str) -> tuple[Any, str]:
    """The value at msgspec's path, and its dotted name; msgspec leaves out the keys of a free
    table such as [units].
    """
    value, name = raw, ""
    for key in re.findall(r"\.{3}|[^.\[\]]+", where):
        if isinstance(value, list):
            value, name = value[int(key)], f"{name}[{key}]"
        elif isinstance(value, dict):
            if key == "...":
                key = next(
                    k for k, inner in value.items() if not isinstance(inner, str) or not inner
                )
            value, name = value[key], f"{name}.{key}" if name else key
    return value, name


def _toml(value: Any) -> str:
    """A value about as the file spells it."""
    if isinstance(value, str):
        return show(value)
    return show(str(value).lower() if isinstance(value, bool) else str(value))[1:-1]


def _unknown(name: str) -> str:
    """What to say of a field that there is not."""
    names = {known: known.rpartition(".")[2] for known in field_names()}
    last = name.rpartition(".")[2]
    nearest = max(
        names,
        key=lambda known: max(
            difflib.SequenceMatcher(None, name, known).ratio(),
            difflib.SequenceMatcher(None, last, names[known]).ratio(),
        ),
    )
    return f"there is no field {show(name)}: the nearest is {nearest}"


def field_names() -> list[str]:
    """The fields as the file spells them, dotted."""
    found = []
    for field in msgspec.structs.fields(Spec):
        if isinstance(field.default, Group):
            inner = msgspec.structs.fields(type(field.default))
            found += [f"{field.encode_name}.{one.encode_name}" for one in inner]
        else:
            found.append(field.encode_name)
    return found


def _given(group: Group, before: str = "") -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(type(group)):
        value = getattr(group, field.name)
        if isinstance(value, Group):
            yield from _given(value, f"{before}{field.name}.")
        elif value is not None:
            yield before + field.name, value
