"""`tinygen verify`: everything that a manifest tells of, made anew and compared byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.errors import CHECK_FAILED, TinygenError, UsageError, plain
from ..common.progress import Progress, silent
from ..common.tables import counted
from ._again import Given, make_again
from ._limits import trust_pickle_option
from ._options import FILE
from ._show import progress, shows

if TYPE_CHECKING:
    from ..model.signals.any_model import AnyModel
    from ..target.manifest import Firmware, Input, Made, Manifest

STAGES = ("manifest", "data", "model", "header", "firmware source", "hex", "versions")
WIDTH = max(map(len, STAGES))
FAST = (
    "it was made without --reproducible, and another processor, BLAS or number of threads may "
    "find another model"
)


@dataclass(frozen=True)
class Stage:
    """A step of the way from data to hex file, and what was found."""

    name: str
    said: str
    same: bool = True  # False: here is the first difference


@dataclass(frozen=True)
class Verified:
    """Every stage up to the first difference."""

    stages: tuple[Stage, ...]
    changed: tuple[str, ...] = ()  # versions that are others now, in words

    @property
    def same(self) -> bool:
        return all(stage.same for stage in self.stages)

    @property
    def exit_code(self) -> int:
        return 0 if self.same else CHECK_FAILED

    def text(self) -> str:
        """One line a stage, and the verdict."""
        lines = [f"{stage.name:{WIDTH}}  {plain(stage.said)}" for stage in self.stages]
        last = self.stages[-1]
        if self.same:
            return "\n".join([*lines, "same bytes"])
        lines += [f"{'versions':{WIDTH}}  {plain(one)}" for one in self.changed]
        return "\n".join([*lines, f"DIFFERS at the {last.name}"])

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "same": self.same,
            "stages": [asdict(stage) for stage in self.stages],
            "versions": list(self.changed),
        }


@dataclass
class _Check:
    """A verification on its way."""

    manifest: Manifest
    place: Path  # the folder of the build, or the model file
    given: tuple[Given, ...]
    trust_pickle: bool
    progress: Progress
    stages: list[Stage] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def passed(self, stage: str, words: str) -> None:
        self.stages.append(Stage(stage, words))


def verify(
    place: Path,
    data: Sequence[Path] = (),
    trust_pickle: bool = False,
    progress: Progress = silent,
) -> Verified:
    """Makes anew what the manifest of `place` tells of, and compares: the folder of a build, or a
    model file. data: the files that the model was made from; without them it is not made anew.
    Nothing of `place` is changed or run.
    """
    from ..target.manifest import Differs, input_of, read_manifest
    from ..target.manifest.schema import require_manifest

    path = _manifest_of(place)
    require_manifest(path)
    check = None
    try:
        manifest = read_manifest(path)
        if (manifest.firmware is None) == place.is_dir():
            raise Differs(
                "manifest", f"{path.name} is of a {'model' if place.is_dir() else 'build'}"
            )
        given = tuple(Given(one, input_of(one)) for one in data)
        check = _Check(manifest, place, given, trust_pickle, progress)
        _run(check)
    except Differs as found:
        passed, changed = (check.stages, check.changed) if check else ([], [])
        return Verified((*passed, Stage(found.stage, found.words, False)), tuple(changed))
    return Verified(tuple(check.stages), tuple(check.changed))


def _manifest_of(place: Path) -> Path:
    from ..target.manifest import FIRMWARE_MANIFEST, manifest_path

    if place.is_dir():
        return place / FIRMWARE_MANIFEST
    if place.name.endswith(".manifest.json"):
        raise UsageError(f"'{place}' is a manifest: name the model file beside it")
    if not place.exists():
        raise UsageError(f"'{place}' does not exist: name the folder of a build or a model file")
    return manifest_path(place)


def _run(check: _Check) -> None:
    """Every stage, one after the other; Differs at the first difference."""
    from ..target.manifest import changed_versions, versions

    now = versions()
    check.changed += changed_versions(check.manifest.versions, now)
    for made in check.manifest.models:
        told = made.making.versions if made.making else {}
        check.changed += [one for one in changed_versions(told, now) if one not in check.changed]
    check.passed("manifest", "as it was written")
    _data(check)
    models = [_model(check, made) for made in check.manifest.models]
    if firmware := check.manifest.firmware:
        _firmware(check, firmware, models)
    others = "; ".join(check.changed)
    check.passed("versions", f"same bytes in spite of {others}" if others else "the same")


def _data(check: _Check) -> None:
    """That the given files are those that the models were made from."""
    from ..target.manifest import Differs

    wanted = [
        (one, made.making.command)
        for made in check.manifest.models
        if made.making
        for files in made.making.read.values()
        for one in files
    ]
    names = ", ".join(dict.fromkeys(one.name for one, _ in wanted))
    if not check.given:
        why = f"--data {names}" if wanted else "no manifest was beside the model"
        check.passed("data", f"not compared, and no model is made anew: {why}")
        return
    if not wanted:
        raise UsageError(
            "--data: the manifest does not tell what the model was made from, since none was "
            "beside the model: leave --data out, or make the model with `tinygen train`"
        )
    sums = {one.found.sha256 for one in check.given}
    for one, command_name in wanted:
        if one.sha256 not in sums:
            same_name = next((g.found for g in check.given if g.found.name == one.name), None)
            if same_name is None:
                raise UsageError(
                    f"--data {one.name} is missing: `tinygen {command_name}` made the model from it"
                )
            raise Differs("data", _other_input(one, same_name))
    check.passed("data", f"same bytes: {names}")


def _other_input(wanted: Input, given: Input) -> str:
    """What is other about a file, or about the first file of a folder."""
    for name in sorted({*wanted.files, *given.files}):
        if wanted.files.get(name) != given.files.get(name):
            said = "is missing" if name not in given.files else "was changed"
            said = said if name in wanted.files else "was not there"
            return f"{wanted.name}/{name} {said} when the model was made"
    return (
        f"{wanted.name} was changed: its sha256 is {given.sha256[:12]}..., the model was made from "
        f"{wanted.sha256[:12]}..."
    )


def _model(check: _Check, made: Made) -> AnyModel:
    """The model of the manifest, compared, and with its data made anew."""
    from ..model.signals.any_model import load_any
    from ..target.manifest import Differs, Folder, sum_of
    from ..target.manifest.differences import json_difference
    from ..target.manifest.firmware import MODELS

    if check.manifest.firmware:
        folder, name = Folder(check.place), f"{MODELS}/{made.name}.json"
    else:
        folder, name = Folder(check.place.parent), check.place.name
    there = folder.read("model", name)
    if sum_of(there) != made.sha256:
        raise Differs("model", f"{name} was changed: its sha256 is not that of the manifest")
    if not (check.given and made.making):
        check.passed("model", f"as it was built, not made anew: {name}")
    else:
        again = make_again(made, made.making, check.given, check.trust_pickle, check.progress)
        if other := json_difference(there, again.model, made.making.options):
            why = "" if made.making.reproducible else f"; {FAST}"
            raise Differs("model", f"{name}: {other}{why}")
        ladder = again.ladder and sum_of(again.ladder)
        if made.ladder_sha256 not in (None, ladder):
            raise Differs("model", f"{name} is the same, its ladder (.search.json) is another one")
        check.passed("model", f"same bytes, made anew by `tinygen {made.making.command}`: {name}")
    try:
        model = load_any(folder.path / name)
    except TinygenError as error:
        raise Differs("model", str(error)) from None
    if model.name != made.name:
        raise Differs("model", f"{name} is called '{model.name}', in the manifest '{made.name}'")
    return model


def _firmware(check: _Check, firmware: Firmware, models: list[AnyModel]) -> None:
    """The texts and the hex file of a build, made anew from its models and compared."""
    from ..target.manifest import Differs, Folder, changed_versions, compiler_versions, sum_of
    from ..target.manifest.firmware import COMPILED, program_of
    from ..target.toolchain import ensure
    from .build import adjustable_at, chip_of

    try:
        chip = chip_of(firmware.board, firmware.baud, firmware.pins, models)
        if firmware.recalibrate:
            models = [adjustable_at(model, chip) for model in models]
        program = program_of(models, chip)
    except TinygenError as error:
        raise Differs("manifest", f"no build is like this one: {error}") from None
    folder = Folder(check.place)
    for stage, texts, sums in (
        ("header", program.headers, firmware.headers),
        ("firmware source", program.sources, firmware.sources),
    ):
        _texts(folder, stage, texts, sums)
        check.passed(stage, f"same bytes: {counted(len(texts), 'file')}")
    known = {*program.headers, *program.sources}
    for name in folder.entries(COMPILED):
        if name not in known:
            raise Differs("firmware source", f"{name} is not of this build, and would be compiled")
    check.changed += changed_versions(
        firmware.compiler, compiler_versions(ensure(check.progress, install=False))
    )
    there = folder.read("hex", program.hex)
    if {program.hex: sum_of(there)} != firmware.hex:
        raise Differs("hex", f"{program.hex} was changed: its sha256 is not that of the manifest")
    if there != program.compile(check.progress):
        raise Differs("hex", f"{program.hex}: compiled anew it has other bytes")
    check.passed("hex", f"same bytes: {program.hex}")


def _texts(folder: Any, stage: str, texts: dict[str, str], sums: dict[str, str]) -> None:
    """Files of a build against the same made anew, and against the manifest; Differs at the
    first.
    """
    from ..target.manifest import Differs, sum_of
    from ..target.manifest.differences import text_difference

    if other := sorted({*texts} ^ {*sums}):
        which = "is made now, and not in the manifest" if other[0] in texts else "is not made now"
        raise Differs(stage, f"{other[0]} {which}")
    for name, text in texts.items():
        anew = text.encode("ascii")
        there = folder.read(stage, name)
        if different := text_difference(there, anew):
            edited = sum_of(anew) == sums[name]
            why = "was edited" if edited else "is made otherwise now"
            raise Differs(stage, f"{name} {why}: {different}")
        if sum_of(there) != sums[name]:
            raise Differs(stage, f"{name} does not have the sum that the manifest states")


@click.command("verify")
@click.argument("place", type=FILE, metavar="DIR|MODEL.json")
@click.option(
    "--data",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="What the model was made from: rows, recordings, a model of yours; given again for each.",
)
@trust_pickle_option
@shows
def command(place, data, trust_pickle):
    """Make everything anew and compare it byte for byte.

    DIR is what `build` wrote: header, firmware source and hex file are made anew from its models,
    by manifest.json. MODEL.json is a model with its manifest beside it. With --data the model is
    made anew as well, by the same command with the same options. The first difference is named,
    with exit code 1; nothing in DIR is changed or run.

    \b
    Example:
      tinygen verify firmware/
      tinygen verify firmware/ --data AirQualityUCI.csv
      tinygen verify benzene.json --data AirQualityUCI.csv
    """
    with progress() as say:
        return verify(place, data, trust_pickle, say)
