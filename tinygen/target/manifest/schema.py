"""The form of a manifest, read strictly; the same manifest is the same text."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ...common.boards import ROLES
from ...common.errors import UsageError, show
from ...common.files import json_of, read_words, write_whole
from .differences import Differs

FIRMWARE_MANIFEST = "manifest.json"  # in the folder of a build
AT = re.compile(r" - at (?:`key` in )?`\$\.?([\w.\[\]]{0,60})`\Z")  # of msgspec's messages
MOST_BYTES = 4_000_000  # a folder of recordings lists each of its files

Sum = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
# a file's name and no path: never a step out of the folder it is looked for in
FileName = Annotated[str, Meta(pattern=r"^(?!\.{1,2}\Z)[^/\\\x00-\x1f\ud800-\udfff]{1,255}\Z")]
Text = Annotated[str, Meta(max_length=4_000)]
Prefix = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}\Z")]
Role = Annotated[str, Meta(pattern=rf"^({'|'.join(ROLES)})\Z")]  # of an LED
Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Maker = Literal["train", "convert", "distil", "guard", "pick"]
MAKERS: tuple[str, ...] = Maker.__args__  # type: ignore[attr-defined]


class Group(Struct, forbid_unknown_fields=True, frozen=True):
    """Fields that are all there, and no others."""


class Input(Group, frozen=True):
    """A file that was read, or a folder with all of its files."""

    name: FileName
    sha256: Sum  # of a folder: of its files' names and sums
    files: dict[Text, Sum] = {}  # of a folder, by relative path


class Making(Group, frozen=True):
    """The command that made a model file."""

    command: Maker
    options: dict[Prefix, bool | Number | float | Text | list[Text]]
    read: dict[Prefix, list[Input]]  # by the command's parameter
    reproducible: bool  # True: with arithmetic that is the same on every x86-64 processor
    versions: dict[Text, Text]


class Made(Group, frozen=True):
    """A model file; in a build's folder its copy is models/NAME.json."""

    name: Prefix  # of every C name
    file: FileName
    sha256: Sum
    ladder_sha256: Sum | None  # of the file of other models beside it; None: there is none
    making: Making | None  # None: no manifest was beside the model


class Firmware(Group, frozen=True):
    """What a build was asked for, and the sums of what it made."""

    board: Text
    baud: Annotated[int, Meta(ge=300, le=2_000_000)] | None  # None: the board's
    pins: dict[Role, Annotated[int, Meta(ge=0, le=255)]]  # of its LEDs, by role
    recalibrate: bool
    compiler: dict[Text, Text]
    headers: dict[Text, Sum]  # made of the models, by path in the folder
    sources: dict[Text, Sum]  # the other files that are compiled
    hex: dict[Text, Sum]


class Manifest(Group, frozen=True):
    """All of a manifest. `firmware` is None in that of a model."""

    schema: Literal[1]
    sha256: Sum  # of this manifest, with 64 zeros in this place
    versions: dict[Text, Text]
    models: Annotated[list[Made], Meta(min_length=1, max_length=64)]
    firmware: Firmware | None


def manifest_path(model: Path) -> Path:
    """Where the manifest of a model stands: benzene.json -> benzene.manifest.json."""
    return model.with_name(f"{model.name.removesuffix('.json')}.manifest.json")


def save_manifest(
    path: Path, versions: dict[str, str], models: list[Made], firmware: Firmware | None = None
) -> None:
    """Writes a manifest with its own sum."""
    unsigned = Manifest(1, "0" * 64, versions, models, firmware)
    write_whole(path, _text(msgspec.structs.replace(unsigned, sha256=_own_sum(unsigned))))


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Differs where it is not as it was written, UsageError where it
    cannot be read at all.
    """
    text = read_words(path, "manifest", MOST_BYTES)
    again = "build the folder again" if path.name == FIRMWARE_MANIFEST else "make the model again"
    try:
        manifest = msgspec.convert(json_of(text), Manifest)
        written = _text(manifest)
    except msgspec.ValidationError as error:
        wrong = f"{path.name} is not one of tinygen's, {_wrong_part(str(error))}: {again}"
        raise Differs("manifest", wrong) from None
    except (ValueError, OverflowError) as error:
        wrong = f"{path.name} is cut off or no JSON ({error}): {again}"
        raise Differs("manifest", wrong) from None
    if text != written:
        raise Differs("manifest", f"{path.name} was edited: tinygen writes it otherwise")
    if manifest.sha256 != _own_sum(manifest):
        raise Differs("manifest", f"{path.name} was edited: it does not have the sum it states")
    return manifest


def _wrong_part(told: str) -> str:
    """What is wrong with a manifest, in plain words: "models[0] has no 'file'"."""
    at = AT.search(told)
    place, what = (at[1], told[: at.start()]) if at else ("", told)
    _, _, name = what.rstrip("`").partition(" field `")
    if what.startswith("Object missing"):
        return f"{place or 'it'} has no {show(name)}"
    if name:
        return f"{place or 'it'} has an unknown part {show(name)}"
    return f"{place} is not as tinygen writes it" if place else "it is no JSON object"


def require_manifest(path: Path) -> None:
    """UsageError where there is no manifest to read."""
    if path.exists():
        return
    if path.name == FIRMWARE_MANIFEST:
        told = (
            "only `tinygen build` writes one into its folder, `emit` and `export` write none: make "
            "the folder with `tinygen build MODEL.json -o DIR`, or verify the model file"
        )
    else:
        told = (
            "`tinygen train`, `convert`, `distil`, `guard` and `pick` write one beside the model, "
            "`recalibrate` writes none: verify the model that it recalibrated, or make the model "
            "again"
        )
    raise UsageError(f"there is no manifest {show(str(path))}: {told}")


def _own_sum(manifest: Manifest) -> str:
    unsigned = msgspec.structs.replace(manifest, sha256="0" * 64)
    return hashlib.sha256(_text(unsigned).encode("ascii")).hexdigest()


def _text(manifest: Manifest) -> str:
    return json.dumps(msgspec.to_builtins(manifest), indent=1, allow_nan=False) + "\n"
