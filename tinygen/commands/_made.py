"""Manifests as commands write them: beside a model file, and in the folder of a build."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.arithmetic import pinned
from ..common.errors import UsageError
from ..common.files import ladder_path, require_file_place
from ._again import files_of, options_of

if TYPE_CHECKING:
    from ..common.boards import Board
    from ..model.signals.any_model import AnyModel
    from ..target.manifest import Made, Making

EARLIER = re.compile(r"(include|src)/\w+\.(h|cpp|py)")
WITH_LADDER = ("train", "distil", "pick")  # of another one, a ladder there is an older model's
STOPPED = "stopped by the user after the search"  # how a note on a half-judged model begins


def manifested(function):
    """Adds to a command that makes a model the manifest beside what it wrote."""

    @wraps(function)
    def command(**options):
        from ..target.manifest import manifest_path

        context = click.get_current_context()
        values = dict(context.params)
        if values["out"].is_dir():
            require_file_place(values["out"])  # it has no manifest beside it
        place = manifest_path(values["out"])
        if place.exists():  # told before the work; of another place the model's own check tells
            require_file_place(place)
        making = _making(context.command, values)
        result = function(**options)
        if context.command.name == "pick":
            # it notes its choice in the ladder, which is its own source where the model keeps
            # its name: the same pick from what it wrote gives the same bytes
            making = _making(context.command, values)
        if any(note.startswith(STOPPED) for note in _notes(result)):
            place.unlink(missing_ok=True)  # no second run stops at the same point
        else:
            with_ladder = context.command.name in WITH_LADDER
            _save_beside(values["out"], place, making, with_ladder)
        return result

    return command


def _making(command: click.Command, values: Mapping[str, Any]) -> Making | None:
    """What is known before the work begins; None where a file cannot be read, which the command
    itself will tell.
    """
    from ..target.manifest import Making, input_of, versions

    try:
        read = {
            name: [input_of(path) for path in paths]
            for name, paths in files_of(command, values).items()
        }
    except (UsageError, OSError):
        return None
    return Making(
        command.name,  # type: ignore[arg-type]  # read strictly
        options_of(command, values),
        read,
        pinned(os.environ) == dict(os.environ),
        versions(),
    )


def _notes(result: Any) -> tuple[str, ...]:
    found = getattr(result, "trained", result)
    return getattr(found, "notes", ())


def _save_beside(model: Path, place: Path, making: Making | None, with_ladder: bool) -> None:
    from ..model.signals.any_model import load_any
    from ..target.manifest import Made, save_manifest, sum_of, versions

    ladder = ladder_path(model)
    made = Made(
        load_any(model).name,
        model.name,
        sum_of(model.read_bytes()),
        sum_of(ladder.read_bytes()) if with_ladder and ladder.is_file() else None,
        making,
    )
    save_manifest(place, versions(), [made])


def made_of(model: Path, twin: AnyModel) -> Made:
    """What is known of a model file that goes into a build: what the manifest beside it says,
    where that is of this very file.
    """
    from ..target.manifest import Differs, Made, manifest_path, read_manifest, sum_of

    content = sum_of(model.read_bytes())
    beside = manifest_path(model)
    if beside.is_file():
        try:
            told = [one for one in read_manifest(beside).models if one.sha256 == content]
        except Differs:
            told = []
        if told:
            return told[0]
    return Made(twin.name, model.name, content, None, None)


def save_build(
    folder: Path,
    files: Sequence[Path],
    twins: Sequence[AnyModel],
    board: Board,
    asked: dict[str, Any],
) -> None:
    """Writes the manifest of a build, and its models beside it. twins: the models of the files, as
    they were built; asked: board, baud, pins, recalibrate, as `Firmware` has them.
    """
    from ..codegen.emit import write_all
    from ..target.manifest import FIRMWARE_MANIFEST, Firmware, save_manifest, versions
    from ..target.manifest.firmware import MODELS, firmware_of, program_of

    made = [made_of(file, twin) for file, twin in zip(files, twins)]
    texts = [file.read_text(encoding="ascii") for file in files]
    copies = {f"{MODELS}/{one.name}.json": text for one, text in zip(made, texts)}
    write_all(
        {name: text for name, text in copies.items() if not _there(folder, name, text)}, folder
    )
    plan = Firmware(**asked, compiler={}, headers={}, sources={}, hex={})
    program = program_of(twins, board)
    _remove_earlier(folder, {*program.headers, *program.sources, *copies})
    built = firmware_of(program, folder, plan)
    save_manifest(folder / FIRMWARE_MANIFEST, versions(), made, built)


def _remove_earlier(folder: Path, kept: Container[str]) -> None:
    """Takes away what an earlier build of other models left, which would be compiled with these:
    files that are as its manifest says, in the folders that are compiled. Models stay.
    """
    from ..target.manifest import FIRMWARE_MANIFEST, Differs, Folder, read_manifest, sum_of

    try:
        earlier = read_manifest(folder / FIRMWARE_MANIFEST)
    except (Differs, UsageError):
        return
    built = earlier.firmware
    sums = {**built.headers, **built.sources} if built else {}
    for name, found in sums.items():
        if name in kept or not EARLIER.fullmatch(name):
            continue
        try:
            same = sum_of(Folder(folder).read("firmware source", name)) == found
        except Differs:
            continue
        if same:
            (folder / name).unlink()


def _there(folder: Path, name: str, text: str) -> bool:
    """True where a file is there already, as where a build's own model is built again."""
    path = folder / name
    return path.is_file() and path.read_bytes() == text.encode("ascii")
