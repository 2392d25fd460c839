"""A command that made a model, run again: in a process of its own, since arithmetic is pinned when
a process starts, and with nothing of its manifest but checked options.

The options reach the command as those of a spec file do, through click's types; a value can be
neither an option nor a path.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.arithmetic import pinned
from ..common.errors import COULD_NOT_RUN, BuildError
from ..common.files import ladder_path
from ..common.process import last_line, run
from ..common.progress import Progress

if TYPE_CHECKING:
    from ..target.manifest import Input, Made, Making

# what says where, how fast or in which form, and nothing of the model
LEFT_OUT = ("out", "dask", "trust_pickle", "as_json", "spec", "port")
# the folder that one stands in may be somebody else's: no module is taken from there
START = (
    "import sys; sys.path[:] = [place for place in sys.path if place]; "
    f"from {__name__} import again; again()"
)
SECONDS = 24 * 3600  # time-out; the longest search of the docs takes an hour


def command_of(name: str) -> click.Command:
    """The command of one file of this folder."""
    return import_module(f"{__package__}.{name}").command


def options_of(command: click.Command, values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a model depends on, as plain JSON values; those that are not given, and
    have no default, left out.
    """
    found = {}
    for parameter in command.params:
        name, value = str(parameter.name), values.get(str(parameter.name))
        if _is_path(parameter) or name in LEFT_OUT or value in (None, (), ""):
            continue
        found[name] = list(value) if isinstance(value, tuple) else value
    return dict(sorted(found.items()))


def files_of(command: click.Command, values: Mapping[str, Any]) -> dict[str, list[Path]]:
    """The files that the command reads, by parameter."""
    found = {}
    for parameter in command.params:
        value = values.get(str(parameter.name))
        if _is_path(parameter) and parameter.name not in LEFT_OUT and value:
            found[str(parameter.name)] = list(value) if isinstance(value, tuple) else [value]
    return found


def _is_path(parameter: click.Parameter) -> bool:
    return isinstance(parameter.type, click.Path)


@dataclass(frozen=True)
class Given:
    """A file that verify was given, and what it is."""

    path: Path
    found: Input


@dataclass(frozen=True)
class MadeAgain:
    """What the command wrote."""

    model: bytes
    ladder: bytes | None


def make_again(
    made: Made, making: Making, given: Sequence[Given], trust_pickle: bool, progress: Progress
) -> MadeAgain:
    """The model, made by the same command with the same options from the given files, which are
    those that it was made from. Differs where the command refuses them.
    """
    from ..target.manifest import Differs

    with tempfile.TemporaryDirectory(prefix="tinygen-") as name:
        out = Path(name) / "made" / made.file
        out.parent.mkdir()
        arguments, values = _call(making, given, Path(name))
        values |= {"out": str(out)}
        if trust_pickle and any(
            p.name == "trust_pickle" for p in command_of(making.command).params
        ):
            values["trust_pickle"] = True
        call = Path(name) / "call.json"
        call.write_text(json.dumps([making.command, arguments, values]), encoding="ascii")
        done = run(
            [sys.executable, "-c", START, str(call)],
            f"making {made.file} anew: tinygen {making.command}",
            progress,
            SECONDS,
            {**(pinned(os.environ) if making.reproducible else os.environ), "COLUMNS": "200"},
        )
        said = last_line(done.text).removeprefix("tinygen: ")
        if done.code is None or done.code >= COULD_NOT_RUN:
            raise BuildError(f"{made.file} could not be made anew: {said}")
        if done.code or not out.is_file():
            raise Differs("model", f"{made.file} cannot be made anew with these options: {said}")
        ladder = ladder_path(out)
        return MadeAgain(out.read_bytes(), ladder.read_bytes() if ladder.is_file() else None)


def again() -> None:
    """The process's own part: the command, with what stands on the command line."""
    from ..cli import main

    name, arguments, values = json.loads(Path(sys.argv[1]).read_text(encoding="ascii"))
    os.chdir(Path(values["out"]).parent)  # without a spec file
    main.main([name, *(["--", *arguments] if arguments else [])], default_map={name: values})


def _call(making: Making, given: Sequence[Given], folder: Path) -> tuple[list[str], dict[str, Any]]:
    """(arguments, values of options) of the command; Differs for an option that it has not."""
    from ..target.manifest import Differs

    command = command_of(making.command)
    parameters = {str(p.name): p for p in command.params}
    for name in (*making.options, *making.read):
        if name not in parameters or name in LEFT_OUT:
            raise Differs("manifest", f"`tinygen {making.command}` has no option '{name}'")
        if _is_path(parameters[name]) != (name in making.read):
            raise Differs("manifest", f"'{name}' of `tinygen {making.command}` is given wrongly")
        if name in making.options:
            _require_value(command, parameters[name], making.options[name])
    arguments: list[str] = []
    values: dict[str, Any] = {}
    for place, (name, parameter) in enumerate(parameters.items()):
        wanted = making.read.get(name, [])
        paths = [_placed(one, given, folder / f"{place}-{k}") for k, one in enumerate(wanted)]
        if isinstance(parameter, click.Argument):
            arguments += paths or ([str(making.options[name])] if name in making.options else [])
        elif paths:
            values[name] = paths if parameter.multiple else paths[0]
        elif name in making.options:
            values[name] = making.options[name]
    return arguments, values


def _require_value(command: click.Command, parameter: click.Parameter, value: Any) -> None:
    """Differs for a value that the option would not take on the command line."""
    from ..target.manifest import Differs

    try:
        parameter.type_cast_value(click.Context(command), value)
    except (click.ClickException, TypeError, ValueError) as error:
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        raise Differs("manifest", f"option '{parameter.name}' is wrong: {said}") from None


def _placed(wanted: Input, given: Sequence[Given], folder: Path) -> str:
    """A given file under the name that it had, since a model tells what it was made from."""
    one = next(one for one in given if one.found.sha256 == wanted.sha256)
    if one.path.name == wanted.name:
        return str(one.path.absolute())
    folder.mkdir()
    copy: Callable[..., Any] = shutil.copytree if one.path.is_dir() else shutil.copyfile
    return str(copy(one.path, folder / wanted.name))
