"""Builds tests/c/campaign.cpp around the real firmware, and reads what it counts."""

import subprocess
from pathlib import Path

from host_c import LINK
from native_board import FLAGS, NATIVE, edit

from tinygen.codegen.emit import emit_project
from tinygen.codegen.projects.together import emit_together
from tinygen.common.boards import BOARDS
from tinygen.model.model import Model

SOURCE = Path(__file__).parent / "c" / "campaign.cpp"


def compile_campaign(models: tuple[Model, ...], folder: Path, **edits: dict[str, str]) -> Path:
    """Path of the program for a board of these models, which answer with one number and have a
    threshold; `protocol={before: after}` puts mistakes into tinygen_protocol.h, for negative
    controls.
    """
    if len(models) > 1:
        emit_together(models, folder, [BOARDS["uno"]])
    else:
        emit_project(models[0], folder)
    edit(folder / "include" / "tinygen_protocol.h", edits.get("protocol", {}))
    program = folder / "campaign"
    flags = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC", "-O1")]
    # a body buffer as in main.cpp would not hold the answers that this host reads
    done = subprocess.run(
        [
            "g++",
            "-O2",
            *flags,
            f"-DTHRESHOLDS={','.join(str(model.threshold) for model in models)}",
            f"-I{NATIVE}",
            f"-I{folder / 'include'}",
            str(folder / "src" / "main.cpp"),
            str(NATIVE / "board.cpp"),
            str(SOURCE),
            "-o",
            str(program),
            *LINK,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return program


def counts(program: Path, *arguments, seconds: float = 300) -> list[dict]:
    """One dict per line the program prints: {"rows": 1000, "wrong": 0, ...}."""
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, (arguments, done.stderr)
    lines = [
        dict(pair.split(" ", 1) for pair in line.split(";")) for line in done.stdout.splitlines()
    ]
    return [
        {key: int(value) if value.isdigit() else value for key, value in line.items()}
        for line in lines
    ]
