"""The command line: parses, calls one library function, prints what it returns."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from functools import wraps
from pathlib import Path

import click
from rich.console import Console

from . import __version__, pipeline, report
from .boards import BOARDS
from .build import Budget
from .errors import TinygenError, WRONG_USE
from .families import FAMILIES

ERRORS = Console(stderr=True, highlight=False)


class OneLineErrors(click.Group):
    """A group whose errors are one line on stderr and whose exit codes are 0, 1, 2 and 3."""

    def main(self, args=None, prog_name="tinygen", **extra):
        try:
            sys.exit(super().main(args, prog_name, standalone_mode=False, **extra) or 0)
        except click.exceptions.Abort:
            _fail("stopped by the user", 130)
        except click.ClickException as error:
            where = getattr(getattr(error, "ctx", None), "command_path", prog_name)
            _fail(f"{error.format_message()}: see `{where} --help`", WRONG_USE)
        except TinygenError as error:
            _fail(str(error), error.exit_code)
        except BrokenPipeError:
            sys.exit(0)


def _fail(message: str, code: int):
    click.echo("tinygen: " + " ".join(message.split()), err=True)
    sys.exit(code)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tinygen")
def main():
    """From a CSV of sensor rows to a tiny integer model on an 8-bit Arduino, checked row by row.

    Exit codes: 0 good, 1 a check failed, 2 wrong use, 3 could not run (no compiler, no board).
    """


def shows(text):
    """Adds --json to a command; `text(result)` makes the lines for people."""
    def decorate(function):
        @click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else there.")
        @wraps(function)
        def command(*args, as_json, **options):
            result, good = function(*args, **options)
            click.echo(json.dumps(report.plain(result), indent=1) if as_json else text(result))
            return 0 if good else 1
        return command
    return decorate


@contextmanager
def progress():
    """A function for the library to say what it is doing: a live line on a terminal, plain lines elsewhere."""
    if ERRORS.is_terminal:
        with ERRORS.status("") as status:
            yield lambda text: status.update(text)
    else:
        yield lambda text: click.echo(f"  {text}", err=True)


model_argument = click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.json")
csv_argument = click.argument("csv", type=click.Path(path_type=Path), metavar="CSV")
board_option = click.option("--board", default="uno", show_default=True, metavar="ID",
                            help="Board, by PlatformIO's id: see `tinygen boards`.")
budget_options = (
    click.option("--max-flash", type=click.IntRange(0), metavar="N", help="Most bytes of flash for the model alone."),
    click.option("--max-ram", type=click.IntRange(0), metavar="N", help="Most bytes of static RAM for the model alone."),
    click.option("--max-cycles", type=click.IntRange(0), metavar="N", help="Most cycles for one inference."),
)


def budgeted(function):
    """Adds --max-flash, --max-ram and --max-cycles as one `budget`."""
    @wraps(function)
    def command(*args, max_flash, max_ram, max_cycles, **options):
        return function(*args, budget=Budget(max_flash, max_ram, max_cycles), **options)
    for option in reversed(budget_options):
        command = option(command)
    return command


@main.command()
@csv_argument
@click.option("--target", required=True, metavar="COL", help="Column to predict.")
@click.option("--inputs", metavar="A,B,..", help="Columns to predict from; default: every other numeric column.")
@click.option("--drop", metavar="A,B,..", help="Columns to leave out of the default.")
@click.option("--missing", multiple=True, default=("-200",), show_default=True, metavar="CODE",
              help="Number or word that means 'no value'. May be given several times.")
@click.option("--unit", multiple=True, metavar="COL=UNIT", help="Unit of a column, where its header has none.")
@click.option("--split", type=click.Choice(["random", "time"]), default="random", show_default=True,
              help="Test on random rows, or on the last 30 % in time.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N")
@click.option("--family", default="auto", show_default=True, metavar="NAME", help=f"auto, {', '.join(FAMILIES)}.")
@click.option("--threshold", type=float, metavar="X", help="Alarm level in the target's unit: red LED above it.")
@click.option("--name", default=None, metavar="NAME", help="Prefix of every C name; default: from the output file.")
@board_option
@budgeted
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="MODEL.json")
@shows(report.trained)
def train(csv, out, inputs, drop, **options):
    """Fit the best tiny integer model to the rows of CSV.

    \b
    Example:
      tinygen train AirQualityUCI.csv --target "C6H6(GT)" --threshold 15 -o benzene.json
    """
    with progress() as say:
        return pipeline.train_csv(csv, out, inputs=_names(inputs), drop=_names(drop) or (), progress=say, **options), True


def _names(text: str | None):
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@main.command()
@model_argument
@csv_argument
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="OUT.csv", help="Write one line per row here.")
@shows(report.predicted)
def predict(model, csv, out):
    """Answer the rows of CSV with the integer twin on this computer, raw and physical.

    \b
    Example:
      tinygen predict benzene.json AirQualityUCI.csv -o answers.csv
    """
    return pipeline.predict_csv(model, csv, out), True


@main.command()
@model_argument
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="DIR")
@shows(report.emitted)
def emit(model, out):
    """Write the C header, the runtime header, an example sketch and test vectors into DIR.

    \b
    Example:
      tinygen emit benzene.json -o benzene/
    """
    return pipeline.emit_files(model, out), True


@main.command()
@model_argument
@board_option
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="PlatformIO project to write.")
@budgeted
@click.option("--upload", is_flag=True, help="Load it into the board at --port.")
@click.option("--port", metavar="PORT", help="Serial port for --upload.")
@shows(report.built)
def build(model, **options):
    """Compile the firmware for a board and show what it and the model alone cost.

    \b
    Example:
      tinygen build benzene.json --board uno -o firmware/
      tinygen build benzene.json --board uno -o firmware/ --upload --port /dev/ttyACM0
    """
    with progress() as say:
        return pipeline.build_model(model, progress=say, **options), True


@main.command()
@model_argument
@csv_argument
@click.option("--port", required=True, metavar="sim|PORT|auto", help="The virtual board, a serial port, or the one board plugged in.")
@board_option
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write the verdict as JUnit XML.")
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="OUT.csv", help="Write one line per row here.")
@shows(report.streamed)
def stream(model, csv, **options):
    """Stream the rows of CSV into a board and check every answer and LED against the twin.

    \b
    Example:
      tinygen stream benzene.json AirQualityUCI.csv --port sim --board uno
    """
    with progress() as say:
        result = pipeline.stream_csv(model, csv, progress=say, **options)
    return result, result.good


@main.command()
@shows(report.boards)
def boards():
    """List the known boards with their budgets, and the ones plugged in.

    \b
    Example:
      tinygen boards
    """
    return pipeline.list_boards(), True


@main.command()
@click.option("--board", "board_ids", multiple=True, metavar="ID", help=f"Boards; default: {' and '.join(list(BOARDS)[:2])}.")
@click.option("--data", type=click.Path(path_type=Path), metavar="FILE", help="The air-quality CSV; default: found or downloaded.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, metavar="DIR")
@shows(report.demonstrated)
def demo(board_ids, data, out):
    """The whole loop: train, emit, build, simulate, stream, check.

    \b
    Example:
      tinygen demo --board uno
    """
    with progress() as say:
        result = pipeline.demo(tuple(board_ids) or tuple(BOARDS)[:2], data, out, progress=say)
    return result, result.good


@main.command()
def setup():
    """Install what is missing to build and simulate: compiler, Arduino core, simulator.

    \b
    Example:
      tinygen setup
    """
    with progress() as say:
        tools = pipeline.set_up(say)
    click.echo(report.tools(tools))


if __name__ == "__main__":
    main()
