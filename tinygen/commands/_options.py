"""Options that several commands have, and what they are handed on as."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import click

from ..common.boards import BOARDS
from ..common.choices import DATE_ORDERS, OPTIMIZE, SPLITS, TASKS
from ..common.errors import UsageError

if TYPE_CHECKING:
    from ..data import Dataset, Table

ROOT = Path(__file__).parents[1]
FILE = click.Path(path_type=Path)
NAME_WIDTH = 31  # characters of a model's name
Files = Path | Sequence[Path]  # one file, or several of one kind
FIRST_BOARDS = tuple(BOARDS)[:2]


def members(folder: str) -> list[str]:
    """The names of what a folder of tinygen holds, one file each, without importing any."""
    return sorted(module.name for module in iter_modules([str(ROOT / folder)]))


def among(words):
    """A completion of these words; what does not match them is for the library to refuse."""
    return lambda context, parameter, begun: [word for word in words if word.startswith(begun)]


MODEL = "MODEL.json"
model_argument = click.argument("model", type=FILE, metavar=MODEL)
csvs_argument = click.argument("csvs", type=FILE, nargs=-1, required=True, metavar="CSV...")
board_option = click.option(
    "--board",
    default="uno",
    shell_complete=among(BOARDS),
    show_default=True,
    metavar="ID",
    help="Board, by PlatformIO's id: see `tinygen boards`.",
)
model_out = click.option(
    "-o", "--out", type=FILE, required=True, metavar=MODEL, help="Model file to write."
)
name_option = click.option(
    "--name",
    default=None,
    metavar="NAME",
    help="Prefix of every C name; default: from the output file.",
)
optimize_option = click.option(
    "--optimize",
    type=click.Choice(OPTIMIZE),
    help="What the C is written for; by default what the budget asks for.",
)


date_order_option = click.option(
    "--date-order",
    type=click.Choice(DATE_ORDERS),
    metavar="day|month",
    help="What comes first in dates such as 07/02/2025, where no date of the column shows it.",
)


def boards_option(words: str):
    """--board, as often as wanted; `words` say what for."""
    return click.option(
        "--board",
        "board_ids",
        multiple=True,
        default=FIRST_BOARDS,
        shell_complete=among(BOARDS),
        metavar="ID",
        help=f"{words}; default: {' and '.join(FIRST_BOARDS)}.",
    )


# ---- which rows of a file ----


class Names(click.ParamType):
    """Column names: a text with commas, or a list from the spec file."""

    name = "names"

    def convert(self, value, param, ctx) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [name.strip() for name in value.split(",") if name.strip()]
        return tuple(value)


NAMES = Names()


@dataclass(frozen=True)
class Selection:
    """Which columns and rows of a CSV file are meant."""

    csv: Path
    target: str = ""  # "": rows without one
    inputs: tuple[str, ...] | None = None  # None: every other column of numbers or few words
    drop: tuple[str, ...] = ()
    missing: tuple[str, ...] | None = None  # None: a code that stands alone in several columns
    units: dict[str, str] | None = None  # by column
    split: str = "random"
    task: str = "auto"
    seed: int = 0
    skip_bad: bool = False  # rows that do not fit the header are left out
    more: tuple[Path, ...] = ()  # files of the same kind, whose rows follow
    categories: tuple[str, ...] = ()  # columns whose numbers are codes
    time_inputs: tuple[str, ...] = ()  # parts of the rows' time that are inputs as well
    date_order: str = ""  # of DATE_ORDERS; "": as the dates show
    beside: tuple[str, ...] = ()  # further targets of the same rows

    def table(self) -> Table:
        """The files as a table."""
        from .. import data

        table = data.load_tables(
            (self.csv, *self.more), self.missing, self.skip_bad, target=self.target
        )
        table = table.noting_unmet_codes() if self.missing else table
        return table.in_date_order(self.date_order)

    def dataset(self, table: Table) -> Dataset:
        """The rows of the table as integers, with their target."""
        from .. import data

        return data.prepare(
            table,
            self.target,
            self.inputs,
            self.drop,
            self.split,
            self.seed,
            units=self.units,
            task=self.task,
            categories=self.categories,
            time_inputs=self.time_inputs,
            beside=self.beside,
        )

    def readings(self, table: Table, target: str = "", classes: bool = False) -> Dataset:
        """The rows of the table as integers, without a target or with that of a model there is."""
        from .. import data

        return data.readings(
            table,
            self.inputs,
            self.drop,
            self.split,
            self.seed,
            self.units,
            self.categories,
            self.time_inputs,
            target,
            classes,
            self.beside,
        )

    def each(self, table: Table, task: str = "") -> list[Selection]:
        """The same for each of several targets, by its full name, the others beside it. task: what
        they are for, as asked for where it is not given. UsageError where one is no number.
        """
        from ..search.several import require_numbers_each

        named = self.target, *self.beside
        targets = require_numbers_each(table, named, task or self.task, self.categories)
        return [
            replace(self, target=one, beside=tuple(other for other in targets if other != one))
            for one in targets
        ]

    def only(self, inputs: tuple[str, ...]) -> Selection:
        """The same with these inputs."""
        parts = tuple(part for part in self.time_inputs if part in inputs)
        return replace(self, inputs=inputs, drop=(), time_inputs=parts)


def require_room(inputs: int, step: str) -> None:
    """UsageError for more inputs than a row on the wire holds; told before the training."""
    from ..host.framing import PAYLOAD_MAX

    most = PAYLOAD_MAX // 2
    if inputs > most:
        raise UsageError(f"{inputs} inputs, a row on the wire holds {most}: {step}")


def targets(words: str, required: bool = True):
    """--target, as often as wanted."""
    return click.option("--target", required=required, multiple=True, metavar="COL", help=words)


TARGET = targets("Column to predict; given again, one model answers all of them, each a number.")
ONE_TARGET = targets("Column to predict.")
MODELS_TARGET = click.option(
    "--target",
    multiple=True,
    metavar="COL",
    help="Column that the model predicts, one for each of its outputs; without it errors are "
    "against the model's own answers.",
)
DATA = click.option(
    "--data",
    "csvs",
    type=FILE,
    required=True,
    multiple=True,
    metavar="ROWS.csv",
    help="Rows as the board sees them.",
)
TASK = click.option(
    "--task",
    type=click.Choice(TASKS),
    default="auto",
    show_default=True,
    help="auto: a target of text labels or of few whole numbers is classified, one of numbers is "
    "predicted.",
)
INPUTS = click.option(
    "--inputs",
    type=NAMES,
    metavar="A,B,..",
    help="Columns to predict from; default: every other column of numbers or of few words.",
)
DROP = click.option(
    "--drop", type=NAMES, metavar="A,B,..", help="Columns to leave out of the default."
)
MISSING = click.option(
    "--missing",
    multiple=True,
    callback=lambda context, option, codes: codes or None,
    metavar="CODE",
    help="Number or word that means 'no value', may be given several times; none: no number "
    "does. Default: a code that stands alone in several columns, and a note says so.",
)
SKIP_BAD = click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out rows that do not fit the header (torn lines), at most 5 % of them.",
)
UNIT = click.option(
    "--unit",
    multiple=True,
    metavar="COL=UNIT",
    help="Unit of a column, where its header has none.",
)
COLUMNS = (
    INPUTS,
    DROP,
    click.option(
        "--categories",
        type=NAMES,
        metavar="A,B,..",
        help="Columns whose numbers are codes; a column of 2 to 16 different words is a category "
        "anyway. Each label becomes one input of 0 and 1.",
    ),
    click.option(
        "--time-inputs",
        type=NAMES,
        metavar="PART,..",
        help="Inputs made of the rows' time: hour (0 to 23), weekday (0 Monday to 6 Sunday), month "
        "(1 to 12).",
    ),
    date_order_option,
    MISSING,
    SKIP_BAD,
    UNIT,
    click.option(
        "--split",
        type=click.Choice(SPLITS),
        default="random",
        show_default=True,
        help="Test on random rows, or on the last 30 % in time.",
    ),
)
SEED = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Of the random split and of the training.",
)


def selected_rows(function):
    """Adds CSV and what says which of its columns and rows are meant, as one `rows`."""
    return selected_by(function, (TARGET, *COLUMNS, TASK, SEED))


def selected_training(function):
    """The same where the command declares CSV... itself, and takes one target."""
    return selected_by(function, (ONE_TARGET, *COLUMNS, TASK, SEED), lambda command: command)


def selected_readings(function):
    """The same for rows without a target."""
    return selected_by(function, (*COLUMNS, SEED))


def selected_data(function):
    """The same for the rows that come beside a model: --data, and a target if there is one."""
    return selected_by(function, (DATA, MODELS_TARGET, *COLUMNS, SEED), lambda command: command)


def selected_by(function, options, source=csvs_argument):
    @wraps(function)
    def command(
        csvs,
        inputs,
        drop,
        categories,
        time_inputs,
        date_order,
        missing,
        skip_bad,
        unit,
        split,
        seed,
        target=(),
        task="auto",
        **others,
    ):
        rows = Selection(
            csvs[0],
            target[0] if target else "",
            inputs,
            drop or (),
            missing,
            units_of(unit),
            split,
            task,
            seed,
            skip_bad,
            csvs[1:],
            categories or (),
            time_inputs or (),
            date_order or "",
            target[1:],
        )
        return function(rows=rows, **others)

    for option in reversed(options):
        command = option(command)
    return source(command)


def units_of(pairs) -> dict[str, str]:
    """Units by column from COLUMN=UNIT texts."""
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(
                f"--unit '{pair}' is not COLUMN=UNIT: write for example --unit \"T=degC\""
            )
    return dict(pair.rsplit("=", 1) for pair in pairs)


def name_from(out: Path) -> str:
    """A C prefix made from the name of a model file; what cannot be one, as a word of C or of the
    Arduino core, is made harmless.
    """
    from ..codegen.names import is_reserved

    name = _stem(out)
    if name.startswith("__") or not name:
        name = name.lstrip("_") or "my_model"
    if name[0].isdigit():
        name = f"m_{name}"[:NAME_WIDTH]
    if is_reserved(name):
        longer = f"{name[: NAME_WIDTH - 6]}_model"
        name = f"m_{name}"[:NAME_WIDTH] if is_reserved(longer) else longer
    return name


def name_notes(given: str | None, out: Path, called: str = "") -> tuple[str, ...]:
    """What the model is called where the name of its file cannot be its own, or is too long."""
    called = called or name_from(out)
    if given or called == (stem := _whole_stem(out)):
        return ()
    return (f"the model is called '{called}', '{stem}' cannot name it in C: --name gives another",)


def _stem(out: Path) -> str:
    return _whole_stem(out)[:NAME_WIDTH]


def _whole_stem(out: Path) -> str:
    return re.sub(r"\W", "_", out.name.split(".")[0], flags=re.ASCII)
