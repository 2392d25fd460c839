"""Manifests: what a model and its firmware were made of, and whether they can be made again.

`benzene.manifest.json` stands beside benzene.json, `manifest.json` in the folder of a build. Both
are plain JSON of the same form. What verifies them trusts nothing that they say: a path of theirs
is never opened unless tinygen itself writes a file there, and no program text of theirs is
compiled.
"""

from .differences import Differs
from .folder import Folder, input_of, sum_of
from .schema import (
    FIRMWARE_MANIFEST,
    MAKERS,
    Firmware,
    Input,
    Made,
    Making,
    Manifest,
    manifest_path,
    read_manifest,
    save_manifest,
)
from .versions import changed_versions, compiler_versions, versions

__all__ = [
    "FIRMWARE_MANIFEST",
    "MAKERS",
    "Differs",
    "Firmware",
    "Folder",
    "Input",
    "Made",
    "Making",
    "Manifest",
    "changed_versions",
    "compiler_versions",
    "input_of",
    "manifest_path",
    "read_manifest",
    "save_manifest",
    "sum_of",
    "versions",
]
