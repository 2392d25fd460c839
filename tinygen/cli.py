"""The command line: parses, calls one library function, prints what it returns."""

from __future__ import annotations

import os
import re
import sys
import threading
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from time import monotonic

import click
from click.shell_completion import get_completion_class

from . import __version__
from .common.boards import BOARDS
from .common.choices import OPTIMIZE, TASKS
from .common.errors import COULD_NOT_RUN, WRONG_USE, TinygenError, plain
from .common.files import require_apart
from .common.process import Terminated, raise_when_told_to_end

COUNTED = re.compile(r"(\d[\d,]*) of (\d[\d,]*)")
PLAIN_SECONDS = 5.0  # between two lines on one long step where the output is no terminal
HERE = Path(__file__).parent
FAMILIES = sorted(module.name for module in iter_modules([str(HERE / "families")]))
FORMATS = sorted(module.name for module in iter_modules([str(HERE / "codegen" / "exporters")]))
STDIN = Path("-")


class Room:
    """A module whose functions and classes are there at once, and which is imported when one of
    them is called.

    Help and tab completion call none, and so wait for neither scikit-learn nor numpy.
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str):
        def call(*args, **options):
            return getattr(import_module(f".{self._name}", __package__), attribute)(
                *args, **options
            )

        return call


audit, build_room, doctor, explain, guards, live, monitor, page, pipeline, report, scaffold = map(
    Room,
    (
        "commands.audit",
        "target.build",
        "commands.doctor",
        "commands.explain",
        "commands.guard",
        "commands.live",
        "commands.monitor",
        "report.page.html",
        "commands.pipeline",
        "report.words",
        "commands.init",
    ),
)


class OneLineErrors(click.Group):
    """A group whose errors are one line on stderr and whose exit codes are 0, 1, 2 and 3.

    No command of it writes a file that it also reads.
    """

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        cmd.callback = _reading_before_writing(cmd)
        super().add_command(cmd, name)

    def main(self, args=None, prog_name="tinygen", **extra):
        try:
            if threading.current_thread() is threading.main_thread():
                raise_when_told_to_end()
            sys.exit(super().main(args, prog_name, standalone_mode=False, **extra) or 0)
        except Terminated as stopped:
            _fail(str(stopped), stopped.exit_code)
        except click.exceptions.Abort:
            _fail("stopped by the user", 130)
        except click.ClickException as error:
            where = getattr(getattr(error, "ctx", None), "command_path", prog_name)
            _fail(f"{error.format_message().rstrip('.')}: see `{where} --help`", WRONG_USE)
        except TinygenError as error:
            _fail(str(error), error.exit_code)
        except OSError as error:
            _fail(f"{error}: check the path, its permissions and the space left", COULD_NOT_RUN)
        except Exception as error:
            if os.environ.get("TINYGEN_TRACEBACK"):
                raise
            _fail(
                f"a defect of tinygen ({type(error).__name__}: {error}): run it again with "
                "TINYGEN_TRACEBACK=1 "
                "and report what it prints",
                COULD_NOT_RUN,
            )


READ = ("data", "note", "run")  # options that name files to read; the others' are written


def _reading_before_writing(command: click.Command):
    """The command's function, which refuses first an output that is an input."""
    function = command.callback
    files = [
        (" or ".join(p.opts) if isinstance(p, click.Option) else p.name.upper(), p)
        for p in command.params
        if isinstance(p.type, click.Path)
    ]
    read = [n for n, p in files if isinstance(p, click.Argument) or p.name in READ]

    @wraps(function)
    def checked(*args, **values):
        given = {n: values[p.name] for n, p in files if values.get(p.name)}
        require_apart(
            {n: path for n, path in given.items() if n in read},
            {n: path for n, path in given.items() if n not in read},
        )
        return function(*args, **values)

    return checked


def _fail(message: str, code: int):
    click.echo("tinygen: " + plain(" ".join(message.split())), err=True)
    sys.exit(code)


@click.group(
    cls=OneLineErrors,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="tinygen")
@click.pass_context
def main(context):
    """From a CSV of sensor rows to a tiny integer model on an 8-bit Arduino, checked row by row.

    \b
    Example:
      tinygen demo

    Exit codes: 0 good, 1 a check failed, 2 wrong use, 3 could not run (no compiler, no board).
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        return WRONG_USE


def shows(text):
    """Adds --json to a command; `text(result)` makes the lines for people."""

    def decorate(function):
        @click.option(
            "--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else there."
        )
        @wraps(function)
        def command(*args, as_json, **options):
            result, good = function(*args, **options)
            try:
                click.echo(report.as_json(result) if as_json else text(result))
            except (
                BrokenPipeError
            ):  # the reader has gone, as `head` does; click would make a 1 of it
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0 if good else 1

        return command

    return decorate


@contextmanager
def progress():
    """A function for the library to say what it is doing: a bar on a terminal, plain lines
    elsewhere.
    """
    if sys.stderr.isatty():
        with bar() as say:
            yield say
        return
    said, last = "", 0.0

    def say(text: str) -> None:
        """Says each step once, and of a long one how far it is, every PLAIN_SECONDS."""
        nonlocal said, last
        step, now = text.partition(":")[0], monotonic()
        if step != said or now - last >= PLAIN_SECONDS:
            said, last = step, now
            click.echo(f"  {text}", err=True)

    yield say


@contextmanager
def bar():
    """A function that shows its text on a terminal, with a bar where the text says "3 of 30"."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True, highlight=False),
        transient=True,
    ) as shown:
        task = shown.add_task("", total=None)

        def say(text: str) -> None:
            done, total = (
                map(_count, COUNTED.search(text).groups()) if COUNTED.search(text) else (0, None)
            )
            shown.update(task, description=plain(text), completed=done, total=total)

        yield say


def _count(number: str) -> int:
    return int(number.replace(",", ""))


@contextmanager
def on_terminal(text: str):
    """For a step that takes seconds on large files only: a bar on a terminal, nothing elsewhere.
    Yields what may say more.
    """
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    with bar() as say:
        say(text)
        yield say


model_argument = click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.json")
csv_argument = click.argument("csv", type=click.Path(path_type=Path), metavar="CSV")


def among(words):
    """A completion of these words; what does not match them is for the library to refuse."""
    return lambda context, parameter, begun: [word for word in words if word.startswith(begun)]


board_option = click.option(
    "--board",
    default="uno",
    shell_complete=among(BOARDS),
    show_default=True,
    metavar="ID",
    help="Board, by PlatformIO's id: see `tinygen boards`.",
)
budget_options = (
    click.option(
        "--max-flash",
        type=click.IntRange(0),
        metavar="N",
        help="Most bytes of flash that the model alone may take.",
    ),
    click.option(
        "--max-ram",
        type=click.IntRange(0),
        metavar="N",
        help="Most bytes of static RAM that the model alone may take.",
    ),
    click.option(
        "--max-cycles",
        type=click.IntRange(0),
        metavar="N",
        help="Most cycles that one inference may take.",
    ),
)


row_options = (
    click.option("--target", required=True, metavar="COL", help="Column to predict."),
    click.option(
        "--inputs",
        metavar="A,B,..",
        help="Columns to predict from; default: every other numeric column.",
    ),
    click.option("--drop", metavar="A,B,..", help="Columns to leave out of the default."),
    click.option(
        "--missing",
        multiple=True,
        default=("-200",),
        show_default=True,
        metavar="CODE",
        help="Number or word that means 'no value'. May be given several times.",
    ),
    click.option(
        "--unit",
        multiple=True,
        metavar="COL=UNIT",
        help="Unit of a column, where its header has none.",
    ),
    click.option(
        "--split",
        type=click.Choice(["random", "time"]),
        default="random",
        show_default=True,
        help="Test on random rows, or on the last 30 % in time.",
    ),
    click.option(
        "--task",
        type=click.Choice(TASKS),
        default="auto",
        show_default=True,
        help="auto: a target of text labels is classified, one of numbers is predicted.",
    ),
    click.option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        metavar="N",
        help="Of the random split and of the training.",
    ),
)


ABOUT_TARGET = (row_options[0], row_options[6])  # --target and --task


def chosen_rows(function):
    """Adds what says which columns and rows of a CSV file are meant."""
    for option in reversed(row_options):
        function = option(function)
    return function


def readings(function):
    """The same for rows without a target."""
    for option in reversed([option for option in row_options if option not in ABOUT_TARGET]):
        function = option(function)
    return function


def budgeted(function):
    """Adds --max-flash, --max-ram and --max-cycles as one `budget`."""

    @wraps(function)
    def command(*args, max_flash, max_ram, max_cycles, **options):
        return function(*args, budget=build_room.Budget(max_flash, max_ram, max_cycles), **options)

    for option in reversed(budget_options):
        command = option(command)
    return command


@main.command("data")
@csv_argument
@chosen_rows
@shows(audit.text)
def data_command(csv, inputs, drop, **options):
    """Look at the rows of CSV before training on them.

    Missing codes, shortcut and redundant columns, drift, stuck sensors, gaps: what it is, what it
    does to a model, what to type.

    \b
    Example:
      tinygen data AirQualityUCI.csv --target "C6H6(GT)"
    """
    with progress() as say:
        return audit.audit_csv(
            csv, inputs=_names(inputs), drop=_names(drop) or (), progress=say, **options
        ), True


@main.command()
@csv_argument
@chosen_rows
@click.option(
    "--family",
    default="auto",
    shell_complete=among(["auto", *FAMILIES]),
    show_default=True,
    metavar="NAME",
    help=f"Kind of model: auto (the best of all), {', '.join(FAMILIES)}.",
)
@click.option(
    "--threshold",
    type=float,
    metavar="X",
    help="Alarm level in the target's unit: red LED above it.",
)
@click.option(
    "--name",
    default=None,
    metavar="NAME",
    help="Prefix of every C name; default: from the output file.",
)
@board_option
@budgeted
@click.option(
    "--robust",
    is_flag=True,
    help="Weigh rows by how far their target is from what their inputs tell: against stuck or wrong references.",
)
@click.option(
    "--balance",
    is_flag=True,
    help="Let rare values of the target, such as the highest ones, count more.",
)
@click.option(
    "--alarm-cost",
    metavar="MISS:FALSE",
    help="What a missed and a false alarm cost, such as 5:1; the LED's threshold is learned for it.",
)
@click.option(
    "--max-inputs",
    type=click.IntRange(1),
    metavar="N",
    help="Use the N most needed inputs, found on training rows.",
)
@click.option(
    "--optimize",
    type=click.Choice(OPTIMIZE),
    help="What the C is written for; by default what the budget asks for.",
)
@click.option(
    "--dask", metavar="ADDRESS", help="Cross-validate on the workers of this Dask scheduler."
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="MODEL.json",
    help="Model file to write.",
)
@shows(report.trained)
def train(csv, out, inputs, drop, **options):
    """Fit the best tiny integer model to the rows of CSV.

    Rows with a missing value in a used column are left out. The family and its size are chosen on
    the training rows alone; the errors shown are those of the integer model on the test rows.

    \b
    Example:
      tinygen train AirQualityUCI.csv --target "C6H6(GT)" --threshold 15 -o benzene.json
    """
    with progress() as say:
        return pipeline.train_csv(
            csv, out, inputs=_names(inputs), drop=_names(drop) or (), progress=say, **options
        ), True


@main.command("guard")
@csv_argument
@readings
@click.option(
    "--family",
    type=click.Choice(["mahalanobis", "box"]),
    default="mahalanobis",
    show_default=True,
    help="Squared distance from the usual row, or the usual interval of each reading.",
)
@click.option(
    "--alarms",
    type=click.FloatRange(0, 0.5),
    default=0.001,
    show_default=True,
    metavar="PART",
    help="Most of the usual rows that may set it off.",
)
@click.option(
    "--name",
    default=None,
    metavar="NAME",
    help="Prefix of every C name; default: from the output file.",
)
@board_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="MODEL.json",
    help="Model file to write.",
)
@shows(guards.text)
def guard_command(csv, inputs, drop, **options):
    """Fit a guard to the rows of CSV: red LED for rows unlike them.

    No target is needed. The model file serves as one that `train` wrote: emit, build, stream,
    predict, monitor.

    \b
    Example:
      tinygen guard AirQualityUCI.csv --inputs "PT08.S1(CO),PT08.S5(O3),T,RH" -o guard.json
    """
    with progress() as say:
        return guards.guard_csv(
            csv, inputs=_names(inputs), drop=_names(drop) or (), progress=say, **options
        ), True


@main.command()
@click.argument("ladder", type=click.Path(path_type=Path), metavar="MODEL.search.json")
@click.argument("number", type=int, metavar="N")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="MODEL.json",
    help="Model file to write.",
)
@shows(report.trained)
def pick(ladder, number, out):
    """Take another model of the ladder that `train` found.

    N is its number in the printed ladder; MODEL.search.json is the file that `train` wrote beside
    the model.

    \b
    Example:
      tinygen pick benzene.search.json 3 -o smaller.json
    """
    return pipeline.pick_model(ladder, number, out), True


def _names(text: str | None):
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@main.command()
@model_argument
@csv_argument
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="OUT.csv",
    help="Write one line per row here.",
)
@shows(report.predicted)
def predict(model, csv, out):
    """Answer the rows of CSV on this computer, as the board will.

    The integer twin gives the raw answer of the C code, bit for bit, and what it means in the
    output's unit.

    \b
    Example:
      tinygen predict benzene.json AirQualityUCI.csv -o answers.csv
    """
    with on_terminal(f"predicting the rows of {csv}"):
        return pipeline.predict_csv(model, csv, out), True


@main.command()
@model_argument
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder to write.",
)
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    default="arduino",
    show_default=True,
    help="A library for Arduino and PlatformIO, or a PlatformIO project with the firmware.",
)
@click.option(
    "--optimize",
    type=click.Choice(OPTIMIZE),
    help="What the C is written for; by default as it was trained.",
)
@shows(report.emitted)
def emit(model, out, format, optimize):
    """Write the C header and an example sketch into DIR.

    With the runtime header and test vectors, DIR is a library for the Arduino IDE and for
    PlatformIO.

    \b
    Example:
      tinygen emit benzene.json -o benzene/
    """
    return pipeline.emit_files(model, out, format, optimize), True


@main.command()
@model_argument
@board_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="PlatformIO project to write.",
)
@budgeted
@click.option("--upload", is_flag=True, help="Load it into the board at --port.")
@click.option("--port", metavar="PORT", help="Serial port for --upload.")
@shows(report.built)
def build(model, **options):
    """Compile the firmware for a board and show what it costs.

    The model alone is the firmware minus the same firmware with an empty predictor. A chip without
    a serial port (ATtiny85) gets a self-test instead: green LED where every answer is right.

    \b
    Example:
      tinygen build benzene.json --board uno -o firmware/
      tinygen build benzene.json --board uno -o firmware/ --upload --port /dev/ttyACM0
    """
    with progress() as say:
        return pipeline.build_model(model, progress=say, **options), True


plan_options = (
    click.option(
        "--window",
        type=click.IntRange(1),
        metavar="N",
        help="Rows on the way at once; default: as many as the board takes.",
    ),
    click.option(
        "--tries",
        type=click.IntRange(1),
        metavar="N",
        help="Times a row is sent before it is lost; default: 5.",
    ),
    click.option(
        "--baud",
        type=click.IntRange(300, 2_000_000),
        metavar="N",
        help="Bits per second, where the firmware was built for others.",
    ),
    click.option(
        "--pace",
        type=click.FloatRange(0),
        default=0.0,
        metavar="SECONDS",
        help="From row to row, for a replay in real time; default: full speed.",
    ),
    click.option(
        "--reconnect",
        type=click.FloatRange(0),
        default=0.0,
        metavar="SECONDS",
        help="Wait so long for a board that was unplugged, and go on; default: stop.",
    ),
    click.option(
        "--log",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the raw bytes of both directions, with their times.",
    ),
)


def planned(function):
    """Adds the options of a stream as one `plan`."""

    @wraps(function)
    def command(*args, window, tries, baud, pace, reconnect, log, **options):
        given = {} if tries is None else {"tries": tries}
        return function(
            *args,
            plan=pipeline.StreamPlan(
                window=window, baud=baud, pace=pace, reconnect=reconnect, log=log, **given
            ),
            **options,
        )

    for option in reversed(plan_options):
        command = option(command)
    return command


@main.command()
@model_argument
@csv_argument
@click.option(
    "--port",
    required=True,
    metavar="sim|PORT|auto",
    help="The virtual board, a serial port, or the one board plugged in.",
)
@board_option
@click.option(
    "--junit",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the verdict as JUnit XML.",
)
@planned
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="OUT.csv|.jsonl",
    help="Write one line per row here, as it comes.",
)
@shows(report.streamed)
def stream(model, csv, **options):
    """Stream the rows of CSV into a board and check every answer.

    Each answer must equal the integer twin's bit for bit, and the red and green LED pins must
    follow the threshold. Exit code 1 where they do not.

    \b
    Example:
      tinygen stream benzene.json AirQualityUCI.csv --port sim --board uno
    """
    with progress() as say:
        result = pipeline.stream_csv(model, csv, progress=say, **options)
    return result, result.good


@main.command("explain")
@model_argument
@click.argument("csv", required=False, type=click.Path(path_type=Path), metavar="[CSV]")
@click.option(
    "--row",
    type=click.IntRange(1),
    metavar="N",
    help="Line of CSV to explain; the header is line 1.",
)
@shows(explain.text)
def explain_command(model, csv, row):
    """Tell what each sensor adds to the model's answers.

    The parts are exact Shapley values of the integer model against rows of CSV; for one row they
    add up to the answer. Without CSV the deciles of the training rows serve.

    \b
    Example:
      tinygen explain benzene.json AirQualityUCI.csv --row 100
    """
    with on_terminal(f"explaining {model}") as say:
        return explain.explain_csv(model, csv, row, say), True


@main.command("monitor")
@model_argument
@click.argument("log", type=click.Path(path_type=Path), metavar="LOG.csv|-")
@click.option(
    "--window",
    type=click.IntRange(1),
    metavar="ROWS",
    help="Rows judged together; default: as many as the training rows can tell of.",
)
@click.option(
    "--prometheus",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the newest window as Prometheus text.",
)
@click.option(
    "--json-lines",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write one JSON object per window.",
)
@click.option(
    "--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write a Markdown summary."
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the summary as one HTML page.",
)
@click.option(
    "--port",
    metavar="sim|PORT|auto",
    help="A board answers the rows, and its answers are watched, live.",
)
@board_option
@click.option("--rows", type=click.IntRange(1), metavar="N", help="Live: stop after so many rows.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    metavar="S",
    help="Live: stop after so many seconds; Ctrl-C stops as well.",
)
@click.option(
    "--pace",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Live: from row to row; default: as they come.",
)
@click.option(
    "--reconnect",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Live: wait so long for a board that was unplugged.",
)
@click.option(
    "--baud",
    type=click.IntRange(300, 2_000_000),
    metavar="N",
    help="Bits per second, where the firmware was built for others.",
)
@shows(monitor.text)
def monitor_command(model, log, window, port, board, rows, seconds, pace, reconnect, baud, **files):
    """Compare the rows of LOG.csv with the training rows.

    Distribution, range, missing values, stuck sensors and alarm rate, window by window. Exit code 1
    where a window differs by more than chance and the training rows' own windows explain. With
    --port a board answers the rows; `-` reads rows from standard input as they come. Both judge
    each window at once.

    \b
    Example:
      tinygen monitor benzene.json last_month.csv --html drift.html
      read_sensors | tinygen monitor benzene.json - --port /dev/ttyACM0 --prometheus benzene.prom
    """
    if port is None and log != STDIN:
        with on_terminal(f"comparing {log} with the training rows"):
            result = monitor.monitor_csv(model, log, window, files)
    else:
        with progress() as say:
            result = live.monitor_live(
                model,
                log,
                port,
                board,
                window,
                live.Plan(rows, seconds, pace, reconnect, baud),
                files,
                say,
            )
    return result, result.good


@main.command("report")
@model_argument
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="The file it was trained on: errors row by row, and the data's audit.",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    metavar="STREAM",
    help="What `tinygen stream -o` wrote: latency, and LEDs against truth.",
)
@click.option(
    "--note",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your own words, for the model card.",
)
@click.option(
    "--no-board",
    is_flag=True,
    help="Leave out the firmware that runs in the page; no compiler is needed then.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="REPORT.html",
    help="Page to write.",
)
@shows(page.text)
def report_command(model, out, data, no_board, **options):
    """Show a model and all that is known of it on one page.

    The page is one file, needs no network, and opens on a phone as well. The ladder is the one that
    `train` left beside the model.

    \b
    Example:
      tinygen report benzene.json --data AirQualityUCI.csv -o benzene.html
    """
    with progress() as say:
        return page.report(
            model, out, csv=data, with_board=not no_board, progress=say, **options
        ), True


@main.command("card")
@model_argument
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="The file it was trained on: where the model fails, and the data's audit.",
)
@click.option("--note", type=click.Path(path_type=Path), metavar="FILE", help="Your own words.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="CARD.md",
    help="Markdown file to write.",
)
@shows(page.card_text)
def card_command(model, out, data, note):
    """Write the model card and data sheet as Markdown.

    Source, licence, rows, inputs, figures, known failures, cost: all of it is measured or read,
    nothing written by hand.

    \b
    Example:
      tinygen card benzene.json --data AirQualityUCI.csv -o CARD.md
    """
    with progress() as say:
        return page.card(model, out, csv=data, note=note, progress=say), True


@main.command()
@shows(report.boards)
def boards():
    """List the known boards, and the ones plugged in.

    \b
    Example:
      tinygen boards
    """
    return pipeline.list_boards(), True


@main.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--board",
    "board_ids",
    multiple=True,
    shell_complete=among(BOARDS),
    metavar="ID",
    help=f"Boards to test on; default: {' and '.join(list(BOARDS)[:2])}.",
)
@shows(report.initiated)
def init(directory, board_ids):
    """Make a project of your own: data, model, firmware, tests, CI.

    The rows in it are simulated, and there to be replaced. `pytest` in DIR passes as it stands,
    with the tests for real boards skipped by name.

    \b
    Example:
      tinygen init my-sensor --board uno
    """
    with progress() as say:
        return scaffold.init(directory, tuple(board_ids) or tuple(BOARDS)[:2], progress=say), True


@main.command()
@click.option(
    "--board",
    "board_ids",
    multiple=True,
    shell_complete=among(BOARDS),
    metavar="ID",
    help=f"Boards; default: {' and '.join(list(BOARDS)[:2])}.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The air-quality CSV; default: found or downloaded.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    metavar="DIR",
    help="Folder for the model, the library, the project and the firmware.",
)
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
@shows(report.tools)
def setup():
    """Install what is missing to build and simulate.

    Compiler, Arduino core, uploader and simulator; what is there already stays as it is.

    \b
    Example:
      tinygen setup
    """
    with progress() as say:
        return pipeline.set_up(say), True


@main.command("doctor")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else there."
)
def doctor_command(as_json):
    """Look whether everything needed is here; say what to type.

    Exit code 3 where something needed is missing; a real board and what loads it are optional.

    \b
    Example:
      tinygen doctor
    """
    health = doctor.examine()
    click.echo(report.as_json(health) if as_json else doctor.text(health))
    return 0 if health.good else COULD_NOT_RUN


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell):
    """Print what makes SHELL complete commands and options.

    \b
    Example:
      tinygen completion bash >> ~/.bashrc
      tinygen completion zsh >> ~/.zshrc
      tinygen completion fish > ~/.config/fish/completions/tinygen.fish
    """
    click.echo(get_completion_class(shell)(main, {}, "tinygen", "_TINYGEN_COMPLETE").source())


if __name__ == "__main__":
    main()
