"""The project that `tinygen init --signals` makes: recordings of a simulated motor, and a model of
them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..common.boards import Board
from ..common.jinja import environment
from ..common.progress import Progress
from ._recordings import RecordingSelection
from ._signals import SignalTraining, train_signals
from ._spec import FILE_NAME as SPEC

if TYPE_CHECKING:
    from ..model.signals import SignalModel

RATE_HZ, SECONDS, EACH = 100, 9.0, 4  # a guard needs 50 windows of what is normal
FOLDER, NAME, FAMILY, WINDOW, HOP = "recordings", "motor", "tree", "1s", "0.5s"
TEMPLATES = {
    SPEC: "init_signals_spec.toml.j2",
    "Makefile": "init_signals_makefile.j2",
    "README.md": "init_signals_readme.j2",
    "pytest.ini": "init_signals_pytest.j2",
    "requirements.txt": "init_requirements.j2",
    ".gitignore": "init_gitignore.j2",
    "tests/test_model.py": "init_signals_test.j2",
    ".github/workflows/simulated.yml": "init_signals_github.j2",
}


def signal_files(boards: tuple[Board, ...]) -> dict[str, str]:
    """File name -> text of everything in the project but model and firmware."""
    facts = {
        "version": __version__,
        "boards": [board.pio_id for board in boards],
        "rate": RATE_HZ,
    }
    texts = {
        name: environment("c").get_template(template).render(facts)
        for name, template in TEMPLATES.items()
    }
    return {**recordings(), **texts}


def recordings() -> dict[str, str]:
    """File name -> text of each recording: time in s, x, y and z in g."""
    from ..data.simulated import motor

    found = {}
    for state in motor.STATES:
        for k in range(1, EACH + 1):
            samples = motor.simulate(state, SECONDS, RATE_HZ, seed=k)
            rows = [
                f"{n / RATE_HZ:.2f},{x:.3f},{y:.3f},{z:.3f}" for n, (x, y, z) in enumerate(samples)
            ]
            text = "\n".join(["t [s],x [g],y [g],z [g]", *rows]) + "\n"
            found[f"{FOLDER}/{state}-{k:02}.csv"] = text
    return found


def signal_model(directory: Path, board: Board, progress: Progress) -> SignalModel:
    """Trains the project's model and saves it."""
    selection = RecordingSelection((directory / FOLDER,), WINDOW, HOP)
    request = SignalTraining(
        selection, directory / "model.json", family=FAMILY, name=NAME, board=board.pio_id
    )
    return train_signals(request, progress).model
