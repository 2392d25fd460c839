"""The board in the page of a model of signals: its firmware, and recordings that are played to it.

settings_of(model, program, recordings) -> what the script is told, plain JSON
program_of(model, progress) -> the firmware as Intel HEX, or why there is none
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ...codegen.emit import emit_project
from ...common.boards import BOARDS
from ...common.errors import BuildError, CheckError, EmitError
from ...common.progress import Progress, silent
from ...data.recordings import Recordings
from ...model.fixedpoint import MISSING
from ...model.signals import SignalModel
from ...target.build import build_firmware
from ...target.toolchain import ensure, need_simavr
from ..dossier.gather import BOARD
from ..signal_drawings import chosen_recordings
from .webboard import plain_settings

MOST_PLAYED = 4  # recordings in a page
MOST_SAMPLES = 4000  # of each, from its beginning
WINDOWS = 6  # of made-up samples, where there are no recordings


def program_of(model: SignalModel, progress: Progress = silent) -> tuple[str | None, str]:
    """The model's firmware for the Uno, and "", or None and the reason. Nothing is installed."""
    board = BOARDS[BOARD]
    try:
        need_simavr(ensure(install=False))
        with tempfile.TemporaryDirectory(prefix="tinygen-") as folder:
            project = emit_project(model, Path(folder), [board])
            firmware = build_firmware(project, board, progress=progress)
            return firmware.hex.read_text(encoding="ascii"), ""
    except (BuildError, CheckError, EmitError) as error:
        return None, f"the running {board.title} is left out: {error}"


def settings_of(model: SignalModel, program: str, recordings: Recordings | None) -> dict:
    """The script's settings. Before each recording stands a sample without values, so that its
    windows begin anew.
    """
    played = _played(model, recordings)
    start = np.full((1, len(model.channels)), MISSING, dtype=np.int64)
    rows, truth, parts, first = [], [], [], 0
    for name, label, raw in played:
        place = model.labels.index(label) if label in model.labels else -1
        rows += [start, raw]
        truth += [[place]] * (1 + len(raw))
        parts.append({"name": name, "first": first, "count": 1 + len(raw)})
        first += 1 + len(raw)
    known = model.labels and recordings is not None
    signals = {"rate": model.rate_hz, "parts": parts}
    return plain_settings(
        model, program, np.concatenate(rows), truth if known else None, signals=signals
    )


def _played(model: SignalModel, recordings: Recordings | None) -> list[tuple[str, str, np.ndarray]]:
    """Name, label and raw samples of what is played: the recordings that are drawn first."""
    if recordings is None:
        samples = model.front.window + WINDOWS * model.front.hop
        return [("made-up samples", "", model.sample_rows(samples))]
    return [
        (f"{one.name}: {one.label or 'no label'}", one.label, raw[:MOST_SAMPLES])
        for one, raw in chosen_recordings(model, recordings, MOST_PLAYED)
    ]
