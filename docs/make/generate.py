"""Writes the pages that are made from the program itself: python docs/make/generate.py [quick|all]

    commands.md     every command, from its own help
    classroom.csv   the rows of the tutorial, simulated
    tutorial.md     docs/make/tutorial.md with every `$ command` run, and what it printed below it
    verify.md       docs/make/verify.md, its commands run on the tutorial's rows
    motor.md        docs/make/motor.md, its commands run in a project of `tinygen init --signals`
    header.md       docs/make/header.md with the pieces of the tutorial's real header
    rooms.svg       the picture of the architecture
    ../README.md    docs/make/README.md with what the tutorial's commands printed
    python.ipynb    python.md as a notebook
    demo.md         docs/make/demo.md with `tinygen demo` run: two minutes of CPU, with `all` only

"quick" writes those that need no command run.

A test runs the same and compares, so that no page tells of a program that is gone.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import runpy
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import click
import numpy as np

from tinygen.cli import main as tinygen
from tinygen.common.arithmetic import pinned

HERE = Path(__file__).parent
DOCS = HERE.parent
ROWS = 700  # of the tutorial, one every ten minutes


def commands() -> str:
    """The page of all commands."""
    context = click.Context(tinygen, info_name="tinygen")
    parts = [
        "# Every command",
        "",
        "This page is made from the program's own help. Each command takes `--help` and, but for "
        "`completion`, `--json`.",
        "",
        "Exit codes: 0 good, 1 a check failed, 2 wrong use, 3 could not run. An error is one "
        "line on stderr.",
        "",
    ]
    for name, command in sorted(tinygen.commands.items()):
        parts += _command(name, command, click.Context(command, info_name=name, parent=context))
    return "\n".join(parts)


def _command(name: str, command: click.Command, context: click.Context) -> list[str]:
    story, _, example = inspect.cleandoc(command.help).partition("\b")
    options = [
        option.get_help_record(context)
        for option in command.params
        if isinstance(option, click.Option)
    ]
    rows = [f"| `{_cell(names)}` | {_cell(words)} |" for names, words in filter(None, options)]
    code = [line[2:] for line in example.splitlines() if line.startswith("  ")]
    return [
        f"## {name}",
        "",
        *(re.sub(r"\s+", " ", part).strip() + "\n" for part in story.strip().split("\n\n")),
        "```text",
        command.get_usage(context).replace("Usage: ", "").replace("\n", " "),
        "```",
        "",
        "Example:" if len(code) == 1 else "Examples:",
        "",
        "```console",
        *(f"$ {line}" for line in code),
        "```",
        "",
        "| option | meaning |",
        "|---|---|",
        *rows,
        "",
    ]


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


def notebook() -> str:
    """docs/python.md as a notebook without outputs: its python blocks are the code cells."""
    parts = re.split(r"```python\n(.*?)```\n", (DOCS / "python.md").read_text(), flags=re.S)
    cells = []
    for k, part in enumerate(part.strip("\n") for part in parts):
        cell = {"id": f"cell-{k}", "metadata": {}, "source": part.splitlines(keepends=True)}
        code = {"cell_type": "code", "execution_count": None, "outputs": []}
        cells += [{**cell, **(code if k % 2 else {"cell_type": "markdown"})}] if part else []
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(book, indent=1, sort_keys=True) + "\n"


# ---- the tutorial ----


def classroom() -> str:
    """Five school days of a simulated classroom: a cheap gas sensor, temperature, humidity, and a
    borrowed CO2 meter.
    """
    rng = np.random.default_rng(7)
    begun, lines, air, warm = (
        datetime(2025, 11, 3),
        ["time,gas [counts],temp [degC],damp [%],co2 [ppm]"],
        430.0,
        20.0,
    )
    for k in range(ROWS):
        now = begun + timedelta(minutes=10 * k)
        pupils = 24 if now.weekday() < 5 and 8 <= now.hour < 15 and now.hour != 12 else 0
        leak = 0.30 if pupils and rng.random() < 0.25 else 0.06  # a window is opened
        air += 4.2 * pupils * rng.uniform(0.7, 1.3) - leak * (air - 420)
        warm += 0.05 * (20 + 0.12 * pupils - warm) + rng.normal(0, 0.1)
        damp = 40 + 6 * np.sin(k / 60) + 0.006 * (air - 420) + rng.normal(0, 1)
        gas = 210 * (air / 400) ** 0.8 * np.exp(0.012 * (warm - 20)) * (
            damp / 40
        ) ** 0.5 + rng.normal(0, 9)
        shown = "" if rng.random() < 0.02 else f"{gas:.0f}"  # the sensor gave nothing
        lines.append(
            f"{now:%Y-%m-%d %H:%M},{shown},{warm:.1f},{damp:.0f},{round(air + rng.normal(0, 6))}"
        )
    return "\n".join(lines) + "\n"


def tutorial(folder: Path) -> str:
    """The tutorial with its commands run in `folder`, one after the other."""
    (folder / "classroom.csv").write_text((DOCS / "classroom.csv").read_text())
    return with_output("tutorial.md", folder)


def verify(folder: Path) -> str:
    """The page on manifests, its commands run on the rows of the tutorial."""
    (folder / "classroom.csv").write_text(classroom())
    return with_output("verify.md", folder)


def motor(folder: Path) -> str:
    """The tutorial of the motor with its commands run in a new project, made in `folder`."""
    run("tinygen init . --signals", folder)
    return with_output("motor.md", folder)


def with_output(page: str, folder: Path) -> str:
    """A page of docs/make with what its commands print, run in `folder` one after the other."""
    lines = []
    for line in (HERE / page).read_text().splitlines():
        lines.append(line)
        if line.startswith("$ "):
            lines += run(line[2:], folder)
    return "\n".join(lines) + "\n"


def run(command: str, folder: Path) -> list[str]:
    """What a command line prints; it must end well."""
    environment = {
        **pinned(os.environ),  # the same models and figures on every machine
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
    }
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{command}\n{done.stdout}{done.stderr}exit code {done.returncode}")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    place = os.environ.get("TINYGEN_DATA", "").rstrip("/")  # no page says where a file lay
    return [line.replace(f"{place}/", "") for line in lines] if place else lines


def commands_of(page: str) -> list[tuple[str, list[str]]]:
    """(command, the lines below it) of a page's console blocks."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", page, re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            first, *rest = part.rstrip("\n").split("\n")
            found.append((first, rest))
    return found


def header(folder: Path) -> str:
    """The page on the header; `<<< from ... to >>>` stands for the lines of the real one between
    two patterns.
    """
    text = next(folder.glob("*/classroom.h")).read_text()
    return re.sub(
        r"<<< (.*?) \.\.\. (.*?) >>>",
        lambda m: piece(text, m[1], m[2]),
        (HERE / "header.md").read_text(),
    )


def piece(text: str, begin: str, end: str) -> str:
    """The lines from the first one that contains `begin` to the first one at or after it that
    contains `end`.

    "after ..." and "before ..." leave that line out.
    """
    lines, after, before = text.splitlines(), begin.startswith("after "), end.startswith("before ")
    first, last = begin.removeprefix("after "), end.removeprefix("before ")
    a = next((k for k, line in enumerate(lines) if first in line), None)
    b = None if a is None else next((k for k in range(a, len(lines)) if last in lines[k]), None)
    if b is None:
        raise SystemExit(
            f"the text has no piece from '{first}' to '{last}': change the page in docs/make"
        )
    return "\n".join(lines[a + after : b + 1 - before]).strip("\n")


def readme(printed: dict[str, list[str]]) -> str:
    """The README; below each `$ command` of the tutorial stands what it printed there.

    printed: the lines of each command. `<<< BEGIN ... END >>>` stands for the lines between two
    patterns of the command above it.
    """
    parts, above = [], ""
    for line in (HERE / "README.md").read_text().splitlines():
        if line.startswith("$ "):
            above = "\n".join(printed[line[2:]])
        cut = re.fullmatch(r"<<< (.*) \.\.\. (.*) >>>", line)
        parts.append(piece(above, cut[1], cut[2]) if cut else line)
    return "\n".join(parts) + "\n"


def pages(folder: Path) -> dict[str, str]:
    """Every made page by its name; the tutorial's files are left in `folder`."""
    made = tutorial(folder)
    return {
        "commands.md": commands(),
        "classroom.csv": classroom(),
        "tutorial.md": made,
        "header.md": header(folder),
        "rooms.svg": runpy.run_path(str(HERE / "rooms.py"))["rooms"](),
        "../README.md": readme(dict(commands_of(made))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("how", nargs="?", choices=("quick", "all"))
    how = parser.parse_args().how
    (DOCS / "classroom.csv").write_text(classroom())
    (DOCS / "commands.md").write_text(commands())
    (DOCS / "python.ipynb").write_text(notebook())
    if how == "quick":
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, text in pages(Path(folder)).items():
            (DOCS / name).write_text(text)
    with tempfile.TemporaryDirectory() as folder:
        (DOCS / "motor.md").write_text(motor(Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        (DOCS / "verify.md").write_text(verify(Path(folder)))
    if how == "all":
        with tempfile.TemporaryDirectory() as folder:
            (DOCS / "demo.md").write_text(with_output("demo.md", Path(folder)))


if __name__ == "__main__":
    main()
