"""The command line: every file of tinygen/commands is a command, and every error is one line.

A command's file imports only what its options need, and the rest where it runs: help and tab
completion wait for neither numpy nor scikit-learn.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from functools import wraps
from importlib import import_module
from pkgutil import iter_modules

import click

from . import __version__, commands
from .commands._spec import require_spec_kept
from .common.errors import COULD_NOT_RUN, WRONG_USE, TinygenError, plain
from .common.files import require_apart
from .common.process import Terminated, raise_when_told_to_end


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
            _escape_what_cannot_be_shown()
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
                f"internal error ({type(error).__name__}: {error}): "
                "run it again with TINYGEN_TRACEBACK=1 and report what it prints",
                COULD_NOT_RUN,
            )


def _escape_what_cannot_be_shown() -> None:
    """A name with letters that the terminal's encoding lacks, latin-1 or cp1252, is no error."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


# options that name files to read; the others' are written
READ = ("beside", "csv", "csvs", "data", "note", "run", "spec")


def _reading_before_writing(command: click.Command):
    """The command's function, which refuses first an output that is an input."""
    function = command.callback
    if function is None:
        return None
    files = [
        (" or ".join(p.opts) if isinstance(p, click.Option) else _typed(p), p)
        for p in command.params
        if isinstance(p.type, click.Path)
    ]
    read = [n for n, p in files if isinstance(p, click.Argument) or p.name in READ]

    @wraps(function)
    def checked(*args, **values):
        given = {n: values[p.name] for n, p in files if values.get(p.name)}
        written = {n: path for n, path in given.items() if n not in read}
        require_apart({n: path for n, path in given.items() if n in read}, written)
        require_spec_kept(written)
        return function(*args, **values)

    return checked


def _typed(argument: click.Parameter) -> str:
    """An argument as the help names it, for one of its files: "CSV" where that has "CSV..."."""
    return argument.human_readable_name.removesuffix("...").strip("[]").split("|")[0]


def _fail(message: str, code: int):
    click.echo("tinygen: " + plain(" ".join(message.split())), err=True)
    sys.exit(code)


def _started_otherwise(context, option, given: bool) -> None:
    """The command takes the option off its words and starts anew (common/arithmetic.py)."""
    if given:
        raise click.UsageError(
            "--reproducible must be known at the start: run the command `tinygen`"
        )


@click.group(
    cls=OneLineErrors,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="tinygen")
@click.option(
    "--reproducible",
    is_flag=True,
    expose_value=False,
    callback=_started_otherwise,
    help="Same bytes on every x86-64 processor; training takes up to 1.8 times as long.",
)
@click.pass_context
def main(context) -> int | None:
    """From a CSV of sensor rows to a tiny integer model on an 8-bit Arduino, checked row by row.

    \b
    Example:
      tinygen demo

    Exit codes: 0 good, 1 a check failed, 2 wrong use, 3 could not run (no compiler, no board).
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        return WRONG_USE
    return None


for module in iter_modules(commands.__path__):
    if not module.name.startswith("_"):  # those are what commands share
        main.add_command(import_module(f"{commands.__name__}.{module.name}").command)


if __name__ == "__main__":
    main()
