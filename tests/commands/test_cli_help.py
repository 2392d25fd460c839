"""Help, completion and progress: in full, without loading a library, and with examples that
work.
"""

import os
import shlex
import subprocess
import sys

import click
import pytest
from cli_files import COMMANDS
from tinygen.host.stream import TRIES

from tinygen import cli
from tinygen.commands import train
from tinygen.families import FAMILIES, guards


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command, run):
    done = run(f"{command} --help")
    assert (done.code, done.err) == (0, "")
    assert "Example:" in done.out and f"    tinygen {command}" in done.out
    assert "--json" in done.out or command == "completion"  # a script for the shell, nothing else


LIGHT = """
import sys
sys.argv = ["tinygen", *{words!r}]
from tinygen.cli import main
try:
    main()
except SystemExit:
    pass
heavy = {{"sklearn", "numpy", "scipy", "rich", "jinja2", "matplotlib"}}
print(sorted({{name.split(".")[0] for name in sys.modules}} & heavy), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["--version"], ["completion", "bash"]], ids=" ".join
)
def test_help_waits_for_no_library(words):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(words=words)], capture_output=True, text=True
    )
    assert done.stderr.strip() == "[]" and done.stdout


@pytest.mark.parametrize(
    "line, wanted",
    [
        ("tinygen tr", ["train"]),
        ("tinygen train x.csv --bal", ["--balance"]),
        ("tinygen train x.csv --family r", ["ridge"]),
        ("tinygen build m.json --board mega", ["megaatmega2560"]),
        ("tinygen train x.csv --optimize s", ["size", "speed"]),
    ],
)
def test_completion_knows_commands_options_and_words_and_waits_for_no_library(line, wanted):
    environment = {
        **os.environ,
        "_TINYGEN_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(words=[])],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert [
        row.split(",")[1] for row in done.stdout.split()
    ] == wanted and done.stderr.strip() == "[]"


def on_a_terminal(line, folder):
    """What a command writes to a terminal: stderr is a pty, stdout a pipe."""
    far, near = os.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "tinygen.cli", *shlex.split(line)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=near,
        text=True,
    )
    os.close(near)
    seen = b""
    while True:
        try:
            seen += os.read(far, 10_000)
        except OSError:  # the program is gone
            break
    os.close(far)
    return done.communicate()[0], seen.decode(errors="replace")


@pytest.mark.parametrize(
    "line, words",
    [
        ("explain gas.json rows.csv", "explaining rows"),
        ("predict gas.json rows.csv", "predicting the rows"),
        ("monitor gas.json rows.csv", "comparing rows.csv"),
        ("data rows.csv --target gas", "looking for"),
    ],
)
def test_progress_is_a_bar_on_a_terminal_and_nothing_in_the_result(there, run, line, words):
    out, seen = on_a_terminal(line, there)
    assert words in seen and "\x1b" in seen and "\x1b" not in out and out
    quiet = run(line)
    assert quiet.out == out and (words not in quiet.err or line.startswith("data"))


def test_help_names_what_the_library_knows():
    learns = {name for name, f in FAMILIES.items() if f.tasks != ("guard",)}
    assert sorted(learns) == train.FAMILIES and sorted(guards()) == sorted(train.GUARDS)
    assert f"default: {TRIES}." in next(
        option.help for option in cli.main.commands["stream"].params if option.name == "tries"
    )


def test_help_says_how_rows_are_counted():
    helps = {
        name: next(p.help for p in cli.main.commands[name].params if option in p.opts)
        for name, option in (("explain", "--row"), ("stream", "--out"))
    }
    assert "the header is line 1" in helps["explain"]
    assert all("the rows from 0" in text for text in helps.values())


def test_help_lists_every_command_in_full(run):
    done = run("--help")
    assert done.code == 0 and "..." not in done.out.split("Commands:")[1]
    assert {line.split()[0] for line in done.out.split("Commands:")[1].splitlines() if line} == set(
        COMMANDS
    )
    assert {"demo", "train", "predict", "emit", "build", "stream", "boards"} <= set(COMMANDS)
    bare = run("")
    assert bare.code == 2 and bare.out == done.out


def test_examples_name_options_that_exist():
    for name, command in cli.main.commands.items():
        known = {o for p in command.params for o in p.opts}
        for line in command.help.splitlines():
            if line.strip().startswith(f"tinygen {name}"):
                assert {word for word in shlex.split(line) if word.startswith("-")} <= known


def test_no_option_with_limits_takes_what_is_no_finite_number():
    """NaN is neither below nor above a limit, and infinity is not above one that is not there."""
    checked = 0
    for command in cli.main.commands.values():
        context = click.Context(command)
        for option in command.params:
            if isinstance(option.type, click.FloatRange):
                for text in ("nan", "inf", "-inf", "1e999"):
                    with pytest.raises(click.BadParameter):
                        option.type.convert(text, option, context)
                checked += 1
    assert checked > 10
