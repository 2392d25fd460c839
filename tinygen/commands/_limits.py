"""Options on what a model may cost, when it alarms, and how rows are sent."""

from __future__ import annotations

import math
from functools import wraps

import click

from ..common.boards import ROLES


def budgeted(function):
    """Adds --max-flash, --max-ram and --max-cycles as one `budget`."""

    @wraps(function)
    def command(*args, max_flash, max_ram, max_cycles, **options):
        from ..target.build import Budget

        return function(*args, budget=Budget(max_flash, max_ram, max_cycles), **options)

    for name, words in (
        ("--max-cycles", "Most cycles that one inference may take."),
        ("--max-ram", "Most bytes of static RAM that the model alone may take."),
        ("--max-flash", "Most bytes of flash that the model alone may take."),
    ):
        command = click.option(name, type=click.IntRange(0), metavar="N", help=words)(command)
    return command


class NumberRange(click.FloatRange):
    """Numbers within limits. click's own lets NaN through, which no limit is larger than, and
    infinity where there is no upper one.
    """

    def convert(self, value, param, ctx):
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{found} is no finite number", param, ctx)
        return found


BAUD = click.IntRange(300, 2_000_000)
baud_option = click.option(
    "--baud",
    type=BAUD,
    metavar="N",
    help="Bits per second, where the firmware was built for others.",
)


def seconds_option(name: str, words: str):
    """An option that takes seconds, 0 by default."""
    return click.option(name, type=NumberRange(0), default=0.0, metavar="SECONDS", help=words)


def alarm_levels(unit: str):
    """Adds --threshold and --alarm-below, in `unit`."""

    def add(function):
        below = click.option(
            "--alarm-below",
            type=float,
            metavar="X",
            help=f"Alarm level in {unit}: red LED below it; with --threshold, outside the band.",
        )
        above = click.option(
            "--threshold",
            type=float,
            metavar="X",
            help=f"Alarm level in {unit}: red LED above it.",
        )
        return above(below(function))

    return add


def pinned(function):
    """Adds --red-pin, --green-pin, --third-pin and --fourth-pin as one `pins`, by role."""

    @wraps(function)
    def command(*args, **options):
        found = {role: options.pop(f"{role}_pin") for role in ROLES}
        pins = {role: pin for role, pin in found.items() if pin is not None}
        return function(*args, pins=pins, **options)

    for role in reversed(ROLES):
        words = f"Arduino pin of the {role} LED{'' if role in ROLES[:2] else ', of a class'}"
        option = click.option(
            f"--{role}-pin",
            type=click.IntRange(0),
            metavar="N",
            help=f"{words}; default: the board's.",
        )
        command = option(command)
    return command


trust_pickle_option = click.option(
    "--trust-pickle",
    is_flag=True,
    help="Load a pickle or joblib file, which runs the code in it: only one that you made.",
)
max_inputs_option = click.option(
    "--max-inputs",
    type=click.IntRange(1),
    metavar="N",
    help="Use the N most needed inputs, found on training rows.",
)
scores_option = click.option(
    "--scores",
    is_flag=True,
    help="Classes: answers carry the score of each class; up to four LEDs, one a class.",
)
reject_option = click.option(
    "--reject",
    type=float,
    metavar="RATE",
    help="Classes: answer 'not sure' so often that at most this part of the others is wrong, "
    "such as 0.05; implies --scores.",
)
error_bars_option = click.option(
    "--error-bars",
    type=float,
    metavar="LEVEL",
    help="Numbers: a half-width beside the answer within which this part of the references lies, "
    "such as 0.9; LEDs dark where that leaves the alarm open.",
)
