"""`tinygen init`: a user's own project, with data, model, firmware, tests and CI workflows, that
passes as it stands.

The rows are simulated (tinygen/data/simulated/station.py) and say so in their file's name: they are
there to be replaced.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..common.boards import BOARDS, Board, find_board
from ..common.errors import UsageError
from ..common.files import require_folder_place
from ..common.jinja import environment
from ..common.progress import Progress, silent
from ._init_signals import signal_files, signal_model
from ._options import FILE, Selection, boards_option
from ._show import progress, shows
from ._spec import FILE_NAME as SPEC
from .train import TrainRequest, train_one

if TYPE_CHECKING:
    from ..model.model import Model
    from ..model.signals.any_model import AnyModel

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
    SPEC: "init_spec.toml.j2",
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
    model: AnyModel
    boards: tuple[Board, ...]
    paths: tuple[Path, ...]

    def text(self) -> str:
        """The files, and what to do next."""
        return "\n".join(
            [
                *map(str, self.paths),
                "",
                "its data are simulated: put yours in their place, change tinygen.toml, "
                "run `make model`",
                f"now: cd {self.directory} && pytest",
            ]
        )

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "directory": str(self.directory),
            "model_id": f"{self.model.model_id:08x}",
            "boards": [b.pio_id for b in self.boards],
            "files": [str(path) for path in self.paths],
        }


def init(
    directory: Path,
    board_ids: tuple[str, ...],
    progress: Progress = silent,
    signals: bool = False,
) -> Made:
    """Writes the project into a new or empty folder, and trains its model, whole or not at all;
    UsageError where the folder has something in it. signals: recordings of a motor instead of rows
    of a street station.
    """
    boards = tuple(dict.fromkeys(map(find_board, board_ids)))
    require_folder_place(directory, "as DIR")
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"'{directory}' is not empty: name a new folder")
    for board in boards:
        if not board.streams_simulated:
            raise UsageError(
                f"board '{board.pio_id}' has no simulator to test on: take one of "
                f"{', '.join(b.pio_id for b in BOARDS.values() if b.streams_simulated)}"
            )
    absent = [place for place in (*directory.parents, directory) if not place.exists()]
    try:
        return _made(directory, boards, progress, signals)
    except BaseException:  # Ctrl-C as well
        for place in absent or tuple(directory.iterdir()):
            shutil.rmtree(place, ignore_errors=True)
            with contextlib.suppress(OSError):  # it is gone, mostly
                place.unlink()
        raise


def _made(directory: Path, boards: tuple[Board, ...], progress: Progress, signals: bool) -> Made:
    from ..codegen.emit import emit_project

    texts = signal_files(boards) if signals else {DATA: example_rows(), **render(boards)}
    for name, text in texts.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="ascii", newline="\n")
    model = (signal_model if signals else _model)(directory, boards[0], progress)
    emit_project(model, directory / "firmware", boards)
    return Made(
        directory,
        model,
        boards,
        tuple(directory / name for name in (*texts, "model.json", "firmware/platformio.ini")),
    )


def _model(directory: Path, board: Board, progress: Progress) -> Model:
    """Trains the project's model on the rows and saves it."""
    request = TrainRequest(
        Selection(directory / DATA, TARGET, INPUTS, seed=SEED),
        directory / "model.json",
        threshold=THRESHOLD,
        name=NAME,
        family=FAMILY,
        board=board.pio_id,
    )
    return train_one(request, progress).model


def example_rows() -> str:
    """A few hundred rows of the simulated station, as a CSV file in the form of the UCI Air Quality
    file.
    """
    from ..data.simulated import station

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
        "inputs": INPUTS,
        "threshold": f"{THRESHOLD:g}",
        "family": FAMILY,
        "seed": SEED,
    }
    return {
        name: environment("c").get_template(template).render(facts)
        for name, template in TEMPLATES.items()
    }


@click.command("init")
@click.argument("directory", type=FILE, metavar="DIR")
@boards_option("Boards to test on")
@click.option("--signals", is_flag=True, help="Recordings of a motor, and a model of signals.")
@shows
def command(directory, board_ids, signals):
    """Make your project: spec, data, model, firmware, tests, CI.

    tinygen.toml in it holds the options: in DIR, `tinygen train`, `guard`, `predict`, `build`,
    `emit`, `stream`, `report` and `card` need none, and without --signals `data`. The rows are
    simulated, and there to be replaced. `pytest` in DIR passes as it stands, with the tests for
    real boards skipped by name.

    \b
    Example:
      tinygen init my-sensor --board uno
      tinygen init my-motor --board uno --signals
    """
    with progress() as say:
        return init(directory, board_ids, say, signals)
