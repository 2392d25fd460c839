"""`tinygen.toml`: what it gives becomes the defaults of each command's options.

TABLE is the only place that says which field is which option. A flag on the command line wins.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..common.boards import ROLES
from ..common.files import require_apart

FILE_NAME = "tinygen.toml"
META = "tinygen.spec"  # where the context keeps the file that was read

MAKE = ("train", "convert", "distil")  # the model
ROWS = ("data", *MAKE, "guard")
USE = (
    *("build", "card", "emit", "explain", "export", "monitor", "predict", "recalibrate"),
    *("report", "stream"),
)
LIVE = ("stream", "monitor")
SHARED_WINDOWS = ("window", "hop", "time", "recording", "group", "test")
TABLE: tuple[tuple[str, str, tuple[str, ...]], ...] = (  # field, parameter, commands
    ("data", "csvs", (*ROWS, "predict", "stream")),
    ("data", "csv", ("explain",)),
    ("data", "data", ("card", "report")),
    ("model", "out", MAKE),
    ("model", "model", USE),
    ("name", "name", MAKE),
    ("target", "target", ("data", *MAKE)),
    ("inputs", "inputs", ROWS),
    ("drop", "drop", ROWS),
    ("categories", "categories", ROWS),
    ("time_inputs", "time_inputs", ROWS),
    ("date_order", "date_order", (*ROWS, "predict", "recalibrate")),
    ("missing", "missing", ROWS),
    ("skip_bad", "skip_bad", ROWS),
    ("units", "unit", ROWS),
    ("split", "split", ROWS),
    ("seed", "seed", ROWS),
    ("task", "task", ("data", "train", "distil")),
    ("family", "family", ("train", "distil")),
    ("threshold", "threshold", MAKE),
    ("alarm_below", "alarm_below", MAKE),
    ("alarm_cost", "alarm_cost", ("train",)),
    ("max_inputs", "max_inputs", ("train", "distil")),
    ("robust", "robust", ("train",)),
    ("balance", "balance", ("train",)),
    ("scores", "scores", ("train",)),
    ("reject", "reject", ("train",)),
    ("error_bars", "error_bars", ("train",)),
    ("optimize", "optimize", ("train", "distil")),
    ("budget.flash", "max_flash", (*MAKE, "build")),
    ("budget.ram", "max_ram", (*MAKE, "build")),
    ("budget.cycles", "max_cycles", (*MAKE, "build")),
    ("board", "board", (*MAKE, "build", "emit", "export", "guard", "recalibrate", "record", *LIVE)),
    *((f"signals.{name}", name, ("guard", "train")) for name in SHARED_WINDOWS),
    ("signals.rate", "rate_hz", ("guard", "record", "train")),
    ("signals.votes", "votes", ("guard", "train")),
    ("signals.max_load", "max_load", ("train",)),
    ("signals.normal", "normal", ("guard",)),
    ("signals.alarms_per_day", "alarms_per_day", ("guard",)),
    *((f"pins.{role}", f"{role}_pin", ("build", "emit", "export", "stream")) for role in ROLES),
    ("protocol.port", "port", ("record", "stream")),
    ("protocol.baud", "baud", ("build", "recalibrate", "record", *LIVE)),
    ("protocol.window", "window", ("stream",)),
    ("protocol.tries", "tries", ("stream",)),
    ("protocol.pace", "pace", LIVE),
    ("protocol.reconnect", "reconnect", LIVE),
    *(
        (f"out.{command}", "out", (command,))
        for command in ("build", "card", "emit", "guard", "predict", "report")
    ),
)
PATHS = {"data", "model", *(field for field, _, _ in TABLE if field.startswith("out."))}
SHAPES: dict[str, Callable[[Any], Any]] = {  # where the option's value is written otherwise
    "missing": lambda codes: [str(code) for code in codes],
    "units": lambda units: [f"{column}={unit}" for column, unit in units.items()],
}


class FromSpec(click.Command):
    """A command whose options have their defaults from `tinygen.toml`, if there is one."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.params.append(
            click.Option(
                ["--spec"],
                type=click.Path(path_type=Path),
                metavar="FILE",
                expose_value=False,
                help=f"Defaults of these options; without it {FILE_NAME} of this folder, if any.",
            )
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given, _, _ = self.make_parser(ctx).parse_args(list(args))
        named = given.get("spec")
        path = Path(named if isinstance(named, str) else FILE_NAME)
        if isinstance(named, str) or os.path.lexists(path):
            ctx.default_map = defaults(self, path)
            ctx.meta[META] = path
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Tells which defaults are the file's."""
        if ctx.default_map and META in ctx.meta:
            told = [_spelled(self, name, value) for name, value in ctx.default_map.items()]
            with formatter.section(f"From {ctx.meta[META]}"):
                for line in told:
                    formatter.write_text(line)
        super().format_epilog(ctx, formatter)


def defaults(command: click.Command, path: Path) -> dict[str, Any]:
    """{parameter: value} of a command, as click's default_map takes it."""
    from ._spec_file import read_spec

    found = read_spec(path)
    if command.name == "guard" and "target" in found and "inputs" not in found:
        targets = found["target"] if isinstance(found["target"], list) else [found["target"]]
        found["drop"] = [*found.get("drop", []), *targets]  # a guard watches inputs only
    if command.name == "card" and "signals.window" in found:
        found.pop("data", None)  # the card of a model of signals takes its figures from the model
    parameters = {parameter.name: parameter for parameter in command.params}
    values = {}
    for field, name, commands in TABLE:
        if field in found and command.name in commands:
            value = SHAPES.get(field, lambda same: same)(found[field])
            if field in PATHS:
                each = value if isinstance(value, list) else [value]
                value = [path.parent / one for one in each]
            value = _fitting(parameters[name], value)
            if value is not None:
                values[name] = value
    return values


def _takes_many(parameter: click.Parameter) -> bool:
    return parameter.nargs == -1 or getattr(parameter, "multiple", False)


def _fitting(parameter: click.Parameter, value: Any) -> Any:
    """The value as the parameter takes it; None for several files where it takes one."""
    if _takes_many(parameter):
        return value if isinstance(value, list) else [value]
    if isinstance(parameter.type, click.Path):
        return value[0] if len(value) == 1 else None
    return value


def _spelled(command: click.Command, name: str, value: Any) -> str:
    """A default as it would stand on the command line."""
    parameter = next(p for p in command.params if p.name == name)
    if isinstance(value, list) and not _takes_many(parameter):
        value = ",".join(value)
    each = value if isinstance(value, list) else [value]
    if isinstance(parameter, click.Argument):
        return f"{parameter.metavar} = {' '.join(shlex.quote(str(one)) for one in each)}"
    word = parameter.opts[-1]
    if isinstance(value, bool):
        return word if value else f"no {word}"
    return " ".join(f"{word} {shlex.quote(str(one))}" for one in each)


def require_spec_kept(outputs: dict[str, Any]) -> None:
    """UsageError where an output would replace the spec file that was read."""
    context = click.get_current_context(silent=True)
    if context is not None and META in context.meta:
        require_apart({"the spec file": context.meta[META]}, outputs)
