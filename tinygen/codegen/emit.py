"""C text from a model: the only room that writes C.

Templates own all the text; here numbers are formatted and names are made safe. A column name
reaches C only inside a comment, through `comment_safe`; everything else is an integer or a
checked identifier.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from .. import __version__
from ..common.boards import BOARDS
from ..common.errors import EmitError
from ..model.alarm_threshold import AlarmCost
from ..model.fixedpoint import Quantity
from ..model.model import Model
from .views import chain_views, constant_bytes

# Words that would collide with a keyword, a system header, or a header of ours.
RESERVED = frozenset(
    [
        "alignas",
        "alignof",
        "and",
        "arduino",
        "asm",
        "assert",
        "auto",
        "bool",
        "break",
        "case",
        "catch",
        "char",
        "class",
        "complex",
        "const",
        "constexpr",
        "continue",
        "ctype",
        "decltype",
        "default",
        "delete",
        "do",
        "double",
        "dynamic_cast",
        "eeprom",
        "else",
        "enum",
        "errno",
        "explicit",
        "export",
        "extern",
        "false",
        "fenv",
        "float",
        "for",
        "friend",
        "goto",
        "if",
        "inline",
        "int",
        "inttypes",
        "iso646",
        "limits",
        "locale",
        "long",
        "main",
        "math",
        "model",
        "mutable",
        "namespace",
        "new",
        "noexcept",
        "not",
        "nullptr",
        "operator",
        "or",
        "private",
        "protected",
        "public",
        "register",
        "reinterpret_cast",
        "restrict",
        "return",
        "setjmp",
        "short",
        "signal",
        "signed",
        "sizeof",
        "spi",
        "static",
        "static_assert",
        "static_cast",
        "stdarg",
        "stdbool",
        "stddef",
        "stdint",
        "stdio",
        "stdlib",
        "string",
        "struct",
        "switch",
        "template",
        "this",
        "throw",
        "time",
        "true",
        "try",
        "typedef",
        "typeid",
        "typename",
        "union",
        "unsigned",
        "using",
        "virtual",
        "void",
        "volatile",
        "wchar_t",
        "while",
        "wire",
        "xor",
    ]
)
SAMPLES = 32  # rows in the emitted test vectors


@dataclass(frozen=True)
class Project:
    """A complete PlatformIO project for one model."""

    directory: Path
    model: Model


def render_header(model: Model) -> str:
    """Text of NAME.h: C99 and C++11, needs only tinygen_fixed.h."""
    name = check_prefix(model.name)
    steps = chain_views(model, [comment_safe(q.name) for q in model.inputs])
    views = []
    for view in steps:
        template = environment().get_template(view["template"]).module
        views.append({"tables": str(template.tables(view)), "body": str(template.body(view))})
    last = model.bounds[-1]
    return (
        environment()
        .get_template("header.h.j2")
        .render(
            version=__version__,
            name=name,
            upper=name.upper(),
            family=comment_safe(model.family),
            inputs=[_quantity_view(q) for q in model.inputs],
            input_table=_input_table(model.inputs),
            output=_quantity_view(model.output),
            output_bounds={"low": last.low[0], "high": last.high[0]},
            labels=[comment_safe(label) for label in model.labels],
            example=_example(model.inputs[0]),
            constant_bytes=constant_bytes(model),
            facts=_facts(model),
            model_id=model.model_id,
            threshold=None
            if model.threshold is None
            else {
                "raw": model.threshold,
                "physical": _number(model.output.to_physical(model.threshold)),
                "why": _why_threshold(model),
            },
            nodes=views,
            result=steps[-1]["out"],
        )
    )


def _why_threshold(model: Model) -> str:
    """What the header says of a threshold that does not stand at the alarm level; "" for one that
    does.
    """
    if model.level == model.threshold:
        return ""
    level, cost = (
        _number(model.output.to_physical(int(model.level))),
        AlarmCost(**model.training["learned_alarm"]["cost"]),
    )
    return f"; the alarm level is {level}, {cost.words}"


def emit_library(model: Model, out_dir: Path) -> list[Path]:
    """Writes the header, the runtime header, an example sketch and test vectors; returns their
    paths.

    `out_dir` is an Arduino library as it stands, and a PlatformIO one.
    """
    name = check_prefix(model.name)
    texts = {
        f"{name}.h": render_header(model),
        "tinygen_fixed.h": firmware_text("include/tinygen_fixed.h"),
        **vectors(model),
        f"examples/{name}_serial/{name}_serial.ino": _render("example.ino.j2", model),
        f"examples/{name}_analog/{name}_analog.ino": _render("analog.ino.j2", model),
        "tinygen_alarm.h": firmware_text("include/tinygen_alarm.h"),
        "library.properties": _render("library.properties.j2", model),
        "library.json": json.dumps(
            {
                "name": name,
                "version": __version__,
                "license": "MIT",
                "platforms": "*",
                "description": f"Integer model {name}, generated by tinygen",
            },
            indent=1,
        )
        + "\n",
    }
    return write_all(texts, out_dir)


def emit_project(model: Model, out_dir: Path, boards=None) -> Project:
    """Writes a self-contained PlatformIO project (firmware, headers, platformio.ini) into
    `out_dir`.
    """
    from ..common.boards import render_platformio_ini

    name = check_prefix(model.name)
    texts = {
        "platformio.ini": render_platformio_ini(tuple(boards or BOARDS.values())),
        f"include/{name}.h": render_header(model),
        "include/tinygen_model.h": _render("tinygen_model.h.j2", model),
    }
    for folder in ("src", "include"):
        for entry in files("tinygen.firmware").joinpath(folder).iterdir():
            if entry.name.endswith((".h", ".c", ".cpp", ".S")) or entry.name == "seal.py":
                texts[f"{folder}/{entry.name}"] = entry.read_text(encoding="ascii")
    write_all(texts, out_dir)
    return Project(Path(out_dir), model)


def render_bare(model: Model, rows: int) -> dict[str, str]:
    """Files of a program that runs the model alone on a chip; it takes up to `rows` rows at a time."""
    return {
        f"{check_prefix(model.name)}.h": render_header(model),
        "tinygen_model.h": _render("tinygen_model.h.j2", model),
        "bare.c": bare_main(rows),
    }


def bare_main(rows: int) -> str:
    """Text of bare.c: that program's main, around whatever predictor."""
    return environment().get_template("bare.c.j2").render(version=__version__, rows=rows)


def check_prefix(name: str) -> str:
    """`name` if it may prefix C names and name a header; EmitError otherwise."""
    if name.lower() in RESERVED or name.lower().startswith("tinygen"):
        raise EmitError(
            f"model name '{name}' is a reserved word of C, Arduino or tinygen: give another with --name"
        )
    return name


def comment_safe(text: str) -> str:
    """`text` as printable ASCII that can neither end a comment nor continue a line."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in str(text))
    return (
        plain.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/").replace("??", "? ?")[:80]
    )


def firmware_text(path: str) -> str:
    """A hand-written firmware file that ships with tinygen."""
    return files("tinygen.firmware").joinpath(path).read_text(encoding="ascii")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja over the templates folder; it refuses to print a float."""

    def source(name: str) -> str:
        return files("tinygen.templates").joinpath(name).read_text(encoding="ascii")

    return Environment(
        loader=FunctionLoader(source),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=_integers_and_text,
    )


def _integers_and_text(value):
    """Lets only integers and text into C: a float would be a mistake of ours."""
    if isinstance(value, float):
        raise EmitError(
            f"a template printed the float {value!r}: this is a defect of tinygen, please report it"
        )
    return value


def _render(template: str, model: Model) -> str:
    return (
        environment()
        .get_template(template)
        .render(
            version=__version__,
            name=model.name,
            upper=model.name.upper(),
            threshold=model.threshold,
            model_id=model.model_id,
            inputs=[_quantity_view(q) for q in model.inputs],
            output=_quantity_view(model.output),
            first=model.sample_rows(1)[0].tolist(),
        )
    )


def vectors(model: Model) -> dict[str, str]:
    rows = model.sample_rows(SAMPLES, seed=1)
    answers = model.predict(rows)
    lines = [",".join([f"x{i}" for i in range(len(model.inputs))] + ["raw"])]
    lines += [
        ",".join(map(str, [*row, answer])) for row, answer in zip(rows.tolist(), answers.tolist())
    ]
    template = environment().get_template("vectors.h.j2")
    return {
        f"{model.name}_vectors.csv": "\n".join(lines) + "\n",
        f"{model.name}_vectors.h": template.render(
            name=model.name,
            upper=model.name.upper(),
            version=__version__,
            rows=rows.tolist(),
            answers=answers.tolist(),
        ),
    }


def _quantity_view(q: Quantity) -> dict:
    return {
        "name": comment_safe(q.name),
        "unit": comment_safe(q.unit),
        "step": _number(q.scale),
        "low": q.limits[0],
        "high": q.limits[1],
        "minimum": _number(q.minimum),
        "maximum": _number(q.maximum),
    }


def _input_table(inputs) -> str:
    """The header's table of inputs, in columns as wide as they need."""
    rows = [("", "raw, accepted", "trained on", "unit", "step", "name")]
    rows += [
        (
            f"x[{i}]",
            f"{v['low']} .. {v['high']}",
            f"{v['minimum']} .. {v['maximum']}",
            v["unit"] or "-",
            v["step"],
            v["name"],
        )
        for i, v in enumerate(map(_quantity_view, inputs))
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(6)]
    return "\n".join(
        " *   " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows
    )


def _example(q: Quantity) -> str:
    middle = q.raw_minimum + (q.raw_maximum - q.raw_minimum) // 2
    unit = f" {comment_safe(q.unit)}" if q.unit else ""
    return f"{comment_safe(q.name)} of {_number(q.to_physical(middle))}{unit} is raw {middle}"


def _facts(model: Model) -> list[str]:
    """Lines on how good the model is, where its training facts say so."""
    metrics = model.training.get("metrics", {})
    if "error_rate" in metrics:
        return [
            "",
            f"Names {metrics['error_rate']:.2%} of {model.training['rows_test']} test rows wrongly "
            f"({comment_safe(model.training['split'])} split); "
            f"before conversion to integers {metrics['float_error_rate']:.2%}.",
        ]
    if "mae" not in metrics:
        return []
    unit = f" {comment_safe(model.output.unit)}" if model.output.unit else ""
    return [
        "",
        f"Mean absolute error on {model.training['rows_test']} test rows "
        f"({comment_safe(model.training['split'])} split): {metrics['mae']:.4g}{unit}; "
        f"before conversion to integers {metrics['float_mae']:.4g}.",
    ]


def _number(value) -> str:
    return f"{float(value):.6g}"


def write_all(texts: dict[str, str], out_dir: Path) -> list[Path]:
    """Writes every file or none; refuses to leave `out_dir` or to follow a link out of it."""
    out_dir = Path(out_dir)
    if out_dir.exists() and not out_dir.is_dir():
        raise EmitError(f"output '{out_dir}' is a file: name a folder with -o")
    stage = None
    try:
        out_dir.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(dir=out_dir.parent, prefix=".tinygen-"))
        for relative, text in texts.items():
            path = stage / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii", newline="\n")
        for relative in texts:
            target = out_dir / relative
            if target.is_symlink() or out_dir.resolve() not in target.resolve().parents:
                raise EmitError(f"'{target}' leads out of '{out_dir}': remove the link")
            target.parent.mkdir(parents=True, exist_ok=True)
            # an unchanged file keeps its time, so that a second build has nothing to do
            if not target.is_file() or target.read_bytes() != (stage / relative).read_bytes():
                os.replace(stage / relative, target)
    except OSError as error:
        raise EmitError(
            f"cannot write into '{out_dir}': {error.strerror}: choose another folder with -o"
        ) from None
    finally:
        if stage:
            shutil.rmtree(stage, ignore_errors=True)
    return [out_dir / relative for relative in texts]
