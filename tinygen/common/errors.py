"""Every error tinygen raises on purpose, and the exit code each one becomes.

A message is one line: the thing, the value, the limit and the next step.
"""

CHECK_FAILED = 1
WRONG_USE = 2
COULD_NOT_RUN = 3


class TinygenError(Exception):
    """Base of all errors that a user can cause or mend."""

    exit_code = COULD_NOT_RUN


class UsageError(TinygenError):
    """The command or call itself asks for something that does not exist."""

    exit_code = WRONG_USE


class DataError(TinygenError):
    """A table of rows, or one of its columns, cannot be used as asked."""

    exit_code = WRONG_USE


class ModelError(TinygenError):
    """A model file or a model's numbers break the rules of the integer model."""

    exit_code = WRONG_USE


class QuantizeError(TinygenError):
    """A fitted model cannot be turned into integers that provably fit."""

    exit_code = WRONG_USE


class EmitError(TinygenError):
    """A name or a path would end up as something else than data in the C code."""

    exit_code = WRONG_USE


class BuildError(TinygenError):
    """The compiler or PlatformIO is missing or failed."""


class DoesNotFit(BuildError):
    """A program needs more flash or RAM than the chip has."""


class LinkError(TinygenError):
    """The port or the board behind it does not answer as a tinygen board does."""


class CheckError(TinygenError):
    """A budget or an equality that was promised does not hold."""

    exit_code = CHECK_FAILED


def plain(text: object) -> str:
    """The text on one line: control, bidirectional and other unprintable characters escaped."""
    line = str(text)
    if line.isprintable():  # nearly always, and a report asks for a million characters
        return line
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line
    )


def show(text: str) -> str:
    """The text in quotes and on one line, at most 40 characters of it."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
