"""`tinygen init`: a user's own project, with data, model, firmware, tests and CI workflows, that
passes as it stands.

The rows are simulated (tinygen/data/simulated_station.py) and say so in their file's name: they are
there to be replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..codegen.emit import emit_project
from ..common.boards import BOARDS, Board, find_board
from ..common.errors import UsageError
from ..common.files import require_folder_place
from ..common.jinja import environment
from ..common.process import Progress
from ..data import simulated_station as station
from ..model.model import Model
from .pipeline import train_csv

EVERY = 23  # of the station's hours one row: 407 rows, every hour of the day among them
DATA = "data/simulated_station.csv"
NAME, TARGET, INPUTS, THRESHOLD = (
    "benzene",
    "C6H6(GT)",
    ("PT08.S1(CO)", "PT08.S2(NMHC)", "T", "RH"),
    10.0,
)
FAMILY, SEED = "polynomial", 0  # one family is trained in seconds, all of them in a minute
TEMPLATES = {
    "Makefile": "init_makefile.j2",
    "README.md": "init_readme.j2",
    "pytest.ini": "init_pytest.j2",
    "requirements.txt": "init_requirements.j2",
    ".gitignore": "init_gitignore.j2",
    "tests/test_model.py": "init_test_model.j2",
    ".github/workflows/simulated.yml": "init_github.j2",
    ".github/workflows/boards.yml": "init_github_boards.j2",
    ".gitlab-ci.yml": "init_gitlab.j2",
}


@dataclass(frozen=True)
class Made:
    """A project just written."""

    directory: Path
    model: Model
    boards: tuple[Board, ...]
    paths: tuple[Path, ...]


def init(
    directory: Path, board_ids: tuple[str, ...], progress: Progress = lambda text: None
) -> Made:
    """Writes the project into a new or empty folder, and trains its model; UsageError where the
    folder has something in it.
    """
    boards = tuple(map(find_board, board_ids))
    require_folder_place(directory)
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"'{directory}' is not empty: name a new folder")
    for board in boards:
        if not board.streams_simulated:
            raise UsageError(
                f"board '{board.pio_id}' has no simulator to test on: take one of "
                f"{', '.join(b.pio_id for b in BOARDS.values() if b.streams_simulated)}"
            )
    texts = {DATA: example_rows(), **render(boards)}
    for name, text in texts.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="ascii", newline="\n")
    trained = train_csv(
        directory / DATA,
        directory / "model.json",
        TARGET,
        inputs=list(INPUTS),
        threshold=THRESHOLD,
        name=NAME,
        family=FAMILY,
        seed=SEED,
        board=boards[0].pio_id,
        progress=progress,
    )
    emit_project(trained.model, directory / "firmware", boards)
    return Made(
        directory,
        trained.model,
        boards,
        tuple(directory / name for name in (*texts, "model.json", "firmware/platformio.ini")),
    )


def example_rows() -> str:
    """A few hundred rows of the simulated station, as a CSV file in the form of the UCI Air Quality
    file.
    """
    header, *rows = station.simulate().decode("ascii").splitlines()
    return "\n".join([header, *rows[::EVERY]]) + "\n"


def render(boards: tuple[Board, ...]) -> dict[str, str]:
    """File name -> text of everything in the project that comes from a template."""
    facts = {
        "version": __version__,
        "boards": [board.pio_id for board in boards],
        "data": DATA,
        "name": NAME,
        "target": TARGET,
        "inputs": ",".join(INPUTS),
        "threshold": f"{THRESHOLD:g}",
        "family": FAMILY,
        "seed": SEED,
    }
    return {
        name: environment("c").get_template(template).render(facts)
        for name, template in TEMPLATES.items()
    }
