"""The shape of a model file: strict JSON, and every value of the type that tinygen writes.

    read(text, Model, schema) -> its fields, and the hash that the file states

A ModelError names the place, the value and what belongs there. A file with a right hash may still
hold anything: a list where an object belongs, NaN, `true` in a table, a number of 5,000 digits.
Types are read off the dataclasses themselves, so that a new field or node needs nothing here; what
`training` holds is free but for the facts that others read.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import MISSING as REQUIRED
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from ..common.choices import DATE_ORDERS
from ..common.errors import ModelError
from .fixedpoint import EXACT_STEPS, SCALES, TIME_PARTS
from .nodes import NODES, Node
from .training_facts import Facts, Training

DIGITS = 19  # of an integer: within 64 bits
LARGEST = 2**63 - 1
MOST_SPREAD = 2**32  # before a last root; now below 2**16, older versions did not clamp answers
FAMILY = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAY_BE_EMPTY = ("splits", "columns")  # a forest of leaves alone; no input as its logarithm
MAY_BE_ABSENT = ("alarm_below", "scores", "sure_margin", "reads", "more", "bars")  # where unused


def read(text: str, of: type, schema: int) -> tuple[dict[str, Any], object]:
    """(fields of the model class `of`, the hash that the file states); ModelError where `text` is
    not as `to_json` writes it.
    """
    plain = parse(text)
    if plain.get("kind") == "signals":
        raise ModelError(
            "it is a model of signals, which this does not take: `tinygen report` and `card` tell "
            "what it does; `predict`, `emit`, `export`, `build`, `stream`, `verify` take it as well"
        )
    if "schema" not in plain:
        raise ModelError("not a tinygen model (no 'schema'): write one with `tinygen train`")
    if plain.get("schema") != schema:
        raise ModelError(
            f"schema {_show(plain.get('schema'))} is not {schema}: "
            "train it again with this version of tinygen"
        )
    content = {name: value for name, value in plain.items() if name not in ("schema", "id")}
    for field in fields(of):
        if field.name not in content and field.name not in MAY_BE_ABSENT:
            raise ModelError(f"the file has no '{field.name}': write one with `tinygen train`")
    check(content, of)
    check(content["training"], Training, "training")
    for k, output in enumerate(content.get("more", ())):
        check(output.get("training", {}), Training, f"more[{k}].training")
    _check_values(content)
    return content, plain.get("id")


def parse(text: str) -> dict[str, Any]:
    """The JSON object in `text`; ModelError for anything that is not strict JSON."""
    try:
        plain = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_float,
        )
    except json.JSONDecodeError as error:
        raise ModelError(f"not a tinygen model ({error}): write one with `tinygen train`") from None
    except RecursionError:
        raise ModelError("lists within lists without end: write one with `tinygen train`") from None
    if not isinstance(plain, dict):
        raise _wrong("the file", plain, "an object")
    if "rungs" in plain:
        raise ModelError("it is a ladder of models: `tinygen pick` makes a model file of one")
    return plain


def _object(pairs: list[tuple[str, Any]]) -> Facts:
    found = Facts(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(f"{_show(twice)} stands twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS:
        raise ModelError(f"the number {_show(digits)} has more than {DIGITS} digits")
    return int(digits)


def _float(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ModelError(f"{text[:40]} is no number that a model may hold")
    return value


def check(plain: object, of: Any, where: str = "") -> None:
    """ModelError unless `plain`, as parsed, has the shape of `of`: a dataclass, a TypedDict, a
    union, a tuple, a dict, bool, int, float or str.
    """
    origin, inside = get_origin(of), get_args(of)
    if of is Any:
        return
    if origin in (Union, UnionType):
        _check_union(plain, inside, where)
    elif of is Node:
        _check_node(plain, where)
    elif is_dataclass(of) and isinstance(of, type):
        _check_dataclass(plain, of, where)
    elif is_typeddict(of):
        _check_members(plain, _hints(of), where)
    elif origin is tuple:
        _check_list(plain, inside, where)
    elif origin is dict or of is dict:
        if not isinstance(plain, dict):
            raise _wrong(where, plain, "an object")
        for name, value in plain.items():
            check(value, inside[1] if inside else Any, _at(where, name))
    else:
        _check_scalar(plain, of, where)


def _check_union(plain: object, of: tuple[Any, ...], where: str) -> None:
    if (plain is None and type(None) in of) or (isinstance(plain, str) and str in of):
        return
    check(plain, next(one for one in of if one not in (type(None), str)), where)


def _check_node(plain: object, where: str) -> None:
    if not isinstance(plain, dict):
        raise _wrong(where, plain, "an object")
    if (op := plain.get("op")) not in [*NODES]:
        raise _wrong(f"{where}.op", op, f"one of {', '.join(NODES)}")
    inside = {name: value for name, value in plain.items() if name != "op"}
    _check_dataclass(inside, NODES[op], where)
    for name, value in inside.items():
        if value == [] and name not in MAY_BE_EMPTY:
            raise _wrong(f"{where}.{name}", value, "a list of at least one")


def _check_dataclass(plain: object, of: type, where: str) -> None:
    known = {field.name: field for field in fields(of)}
    if not isinstance(plain, dict):
        raise _wrong(where, plain, "an object")
    if unknown := sorted(set(plain) - set(known)):
        raise ModelError(f"{where or 'the file'} has an unknown part {_show(unknown[0])}")
    for name, field in known.items():
        if field.default is REQUIRED and field.default_factory is REQUIRED and name not in plain:
            raise ModelError(f"{where or 'the file'} has no '{name}'")
    _check_members(plain, _hints(of), where)


# a file asks for the same few classes hundreds of times, and each answer evaluates annotations
_hints = cache(get_type_hints)


def _check_members(plain: object, hints: dict[str, Any], where: str) -> None:
    if not isinstance(plain, dict):
        raise _wrong(where, plain, "an object")
    for name, value in plain.items():
        if name in hints:
            check(value, hints[name], _at(where, name))


def _check_list(plain: object, inside: tuple[Any, ...], where: str) -> None:
    if not isinstance(plain, list):
        raise _wrong(where, plain, "a list")
    if inside == (int, Ellipsis) and all(type(v) is int and abs(v) <= LARGEST for v in plain):
        return  # tables have thousands
    hints = [inside[0]] * len(plain) if inside[-1] is Ellipsis else list(inside)
    if len(hints) != len(plain):
        raise _wrong(where, plain, f"a list of {len(hints)}")
    for index, (value, hint) in enumerate(zip(plain, hints)):
        check(value, hint, f"{where}[{index}]")


def _check_scalar(plain: object, of: type, where: str) -> None:
    if of is float:
        good, wanted = type(plain) in (int, float), "a number"
    elif of is int:
        good = type(plain) is int and abs(plain) <= LARGEST
        wanted = "an integer within 64 bits"
    else:
        good, wanted = type(plain) is of, {bool: "true or false", str: "text"}.get(of, of.__name__)
    if not good:
        raise _wrong(where, plain, wanted)


def _check_values(plain: dict[str, Any]) -> None:
    """ModelError where a value of the right type cannot be: family, scales, names and labels."""
    if not FAMILY.fullmatch(plain["family"]):
        raise _wrong("family", plain["family"], "a word of small letters")
    quantities = [(f"inputs[{i}]", q) for i, q in enumerate(plain["inputs"])]
    outputs = [("output", plain["output"])]
    outputs += [(f"more[{i}].quantity", o["quantity"]) for i, o in enumerate(plain.get("more", ()))]
    for where, quantity in [*quantities, *outputs]:
        scale = quantity["scale"]
        if not SCALES[0] <= scale <= SCALES[1]:
            raise _wrong(f"{where}.scale", scale, f"within {SCALES[0]:g} .. {SCALES[1]:g}")
        for end in ("minimum", "maximum"):
            if abs(quantity[end]) > EXACT_STEPS * scale:
                raise _wrong(f"{where}.{end}", quantity[end], f"within 2**53 steps of {scale:g}")
    spread = plain["training"].get("unseen_spread", 0)
    if not 0 <= spread <= MOST_SPREAD:
        raise _wrong("training.unseen_spread", spread, f"within 0 .. {MOST_SPREAD}")
    _distinct("inputs", [quantity["name"] for _, quantity in quantities])
    _check_derivations(quantities)
    for where, quantity in outputs:
        if quantity.get("derivation"):
            raise _wrong(f"{where}.derivation", quantity["derivation"], "part of an input only")
    _distinct("labels", plain["labels"])
    if len(plain["labels"]) == 1:
        raise ModelError(f"labels has only {_show(plain['labels'][0])}: name two or more, or none")


def _check_derivations(inputs: list[tuple[str, dict[str, Any]]]) -> None:
    """ModelError where an input cannot be made as its derivation says."""
    known: dict[tuple[str, ...], list[str]] = {}
    taken: dict[tuple[tuple[str, ...], str, str], str] = {}
    for where, quantity in inputs:
        if not (made := quantity.get("derivation")):
            continue
        columns, part = tuple(made["columns"]), made.get("part", "")
        label, labels = made.get("label", ""), made.get("labels", [])
        if part and part not in TIME_PARTS:
            raise _wrong(f"{where}.derivation.part", part, f"one of {', '.join(TIME_PARTS)}")
        if made.get("order", "") not in (("", *DATE_ORDERS) if part else ("",)):
            wanted = f"one of {', '.join(DATE_ORDERS)}, and of a time only"
            raise _wrong(f"{where}.derivation.order", made["order"], wanted)
        if not columns or (not part and len(columns) > 1):
            raise _wrong(f"{where}.derivation.columns", made["columns"], "the column it is made of")
        if bool(part) == bool(labels) or (labels and label not in labels):
            raise _wrong(f"{where}.derivation.label", label, "one of its labels")
        _distinct(f"{where}.derivation.labels", labels)
        if not part and labels != known.setdefault(columns, labels):
            raise _wrong(f"{where}.derivation.labels", labels, "what others of its column have")
        if (other := taken.setdefault((columns, part, label), where)) != where:
            raise _wrong(f"{where}.derivation", part or label, f"another one than that of {other}")
        ends = [*TIME_PARTS[part]] if part else [0, 1]
        found = [quantity["minimum"], quantity["maximum"]]
        if found != ends or quantity["scale"] != 1 or quantity.get("offset", 0):
            raise _wrong(
                f"{where}.maximum", found[1], f"{ends[1]:g}, from {ends[0]:g} in steps of 1"
            )


def _distinct(where: str, names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ModelError(f"{where} has {_show(name)} twice")


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _show(value: object) -> str:
    if isinstance(value, (list, dict)):
        return f"a list of {len(value)}" if isinstance(value, list) else "an object"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _wrong(where: str, value: object, wanted: str) -> ModelError:
    return ModelError(f"{where} is {_show(value)}, not {wanted}")
