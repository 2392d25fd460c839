"""`tinygen demo`: the whole loop on the air-quality file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import find_board, require_simulated, with_pins
from ..common.files import require_folder_place
from ..common.progress import Progress, silent
from ..common.tables import table
from ._limits import pinned
from ._options import FILE, Selection, boards_option
from ._show import progress, shows
from ._trained import TrainedModel
from .build import Built
from .stream import Streamed, passed_or_failed, stream_rows
from .train import TrainRequest, find_model, saved_and_judged

if TYPE_CHECKING:
    from ..target.build import Firmware

# Columns of the published demo: 7,344 of the file's rows are complete in them.
ARTICLE_INPUTS = (
    "CO(GT)",
    "PT08.S1(CO)",
    "PT08.S2(NMHC)",
    "PT08.S3(NOx)",
    "PT08.S4(NO2)",
    "PT08.S5(O3)",
    "T",
    "RH",
    "AH",
)
TARGET, THRESHOLD = "C6H6(GT)", 15.0  # ug/m3


@dataclass(frozen=True)
class Demonstration:
    """The whole loop on one or more boards."""

    source: str  # one line on where the rows come from
    trained: TrainedModel
    runs: tuple[tuple[Firmware, Streamed], ...]
    directory: Path

    @property
    def good(self) -> bool:
        return all(streamed.good for _, streamed in self.runs)

    @property
    def exit_code(self) -> int:
        return 0 if self.good else 1

    def text(self) -> str:
        """The training, then a line per board, then the verdict."""
        rows = [
            [
                f.board.title,
                s.verdict.rows,
                s.verdict.wrong,
                s.verdict.lost,
                s.verdict.led_wrong,
                f.model_flash_bytes,
                f.model_ram_bytes,
                f.cycles_max,
                round(s.verdict.rows_per_s),
                "PASS" if s.good else "FAIL",
            ]
            for f, s in self.runs
        ]
        headers = ["board", "rows", "wrong", "lost", "LED errors", "model flash B", "RAM B"]
        headers += ["cycles", "rows/s", "verdict"]
        differences = [
            s.verdict.first_difference for _, s in self.runs if s.verdict.first_difference
        ]
        return "\n".join(
            [
                self.source,
                "",
                self.trained.text(),
                "",
                table(headers, rows),
                "",
                *differences,
                passed_or_failed(self.good),
                f"everything is in {self.directory}/",
            ]
        )

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "source": self.source,
            "train": self.trained.plain(),
            "directory": str(self.directory),
            "passed": self.good,
            "boards": [{**s.plain(), **Built(f).plain()} for f, s in self.runs],
        }


def demo(
    board_ids: tuple[str, ...],
    file: Path | None,
    out: Path,
    pins: Mapping[str, int] | None = None,
    progress: Progress = silent,
) -> Demonstration:
    """The article's task from file to checked LED, on each board. Everything it makes stays in
    `out`. pins: where the LEDs of each board are, by role.
    """
    from .. import data
    from ..codegen.emit import emit_library, emit_project
    from ..common.locks import Lock
    from ..data import sources
    from ..host.virtual.protocol_avr import avr_url
    from ..target.build import build_firmware

    chips = [with_pins(require_simulated(find_board(b)), pins or {}) for b in board_ids]
    require_folder_place(out)
    source, path = sources.find(file, progress), out / "benzene.json"
    dataset = data.prepare(source.table(), TARGET, ARTICLE_INPUTS)
    request = TrainRequest(Selection(Path(), TARGET, ARTICLE_INPUTS), path, threshold=THRESHOLD)
    ladder = find_model(dataset, request, "benzene", chips[0], None, progress)
    out.mkdir(parents=True, exist_ok=True)
    trained = saved_and_judged(ladder, dataset, chips[0], path, progress)
    model = trained.model
    emit_library(model, out / "benzene")
    columns = dataset.columns_of(model.inputs)
    rows = dataset.x[dataset.test][:, columns]
    runs = []
    with Lock(str(out)):
        project = emit_project(model, out, chips)
        for chip in chips:
            firmware = build_firmware(project, chip, progress=progress)
            url = avr_url(chip.pio_id, firmware.elf)
            runs.append((firmware, stream_rows(model, rows, url, chip, progress)))
    return Demonstration(source.line, trained, tuple(runs), out)


@click.command("demo")
@boards_option("Boards")
@click.option(
    "--data",
    type=FILE,
    metavar="FILE",
    help="The air-quality CSV; default: found or downloaded.",
)
@click.option(
    "-o",
    "--out",
    type=FILE,
    default=Path("demo"),
    show_default=True,
    metavar="DIR",
    help="Folder for the model, the library, the project and the firmware.",
)
@pinned
@shows
def command(board_ids, data, out, pins):
    """The whole loop: train, emit, build, simulate, stream, check.

    \b
    Example:
      tinygen demo --board uno
    """
    with progress() as say:
        return demo(board_ids, data, out, pins, say)
