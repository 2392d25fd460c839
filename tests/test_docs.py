"""The pages: made from the program as it is, the program takes every command in a tutorial, and
the site builds without a warning. `--level release` runs the tutorials.
"""

import os
import re
import runpy
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import click
import pytest
from needs import unavailable

from tinygen.cli import main
from tinygen.commands._init_signals import SPEC, TEMPLATES
from tinygen.common.boards import BOARDS
from tinygen.common.jinja import environment

DOCS = Path(__file__).parent.parent / "docs"
ROOT = DOCS.parent
PAGES = sorted(DOCS.glob("*.md"))
READ_FIRST = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
HOW = "run `python docs/make/generate.py`"


@pytest.fixture(scope="module")
def generate():
    return SimpleNamespace(**runpy.run_path(str(DOCS / "make/generate.py")))


def test_every_command_is_on_its_page_as_it_is(generate):
    assert (DOCS / "commands.md").read_text() == generate.commands(), (
        f"commands.md is not what the program says: {HOW} quick"
    )


def test_the_rows_and_the_pictures_are_what_their_programs_make(generate):
    assert (DOCS / "classroom.csv").read_text() == generate.classroom()
    rooms = runpy.run_path(str(DOCS / "make/rooms.py"))["rooms"]()
    assert (DOCS / "rooms.svg").read_text() == rooms and ElementTree.fromstring(rooms)
    wiring = runpy.run_path(str(DOCS / "make/wiring.py"))
    for name in ("uno", "mega"):
        text = (DOCS / f"wiring-{name}.svg").read_text(encoding="utf-8")
        assert text == wiring[name]() and ElementTree.fromstring(text).tag.endswith("svg")


def test_the_pictures_show_the_pins_that_the_firmware_uses():
    for picture, board in (("uno", "uno"), ("mega", "megaatmega2560")):
        words = (DOCS / f"wiring-{picture}.svg").read_text(encoding="utf-8")
        told = re.search(
            r"Pin (\d+) through a resistor to the red LED, pin (\d+) through a resistor to the "
            r"green LED",
            words,
        )
        assert told.groups() == (str(BOARDS[board].red_pin), str(BOARDS[board].green_pin))


@pytest.mark.parametrize("page", ["tutorial.md", "motor.md"])
def test_a_tutorial_is_made_from_its_source(generate, page, tmp_path, monkeypatch):
    """Its words are those of the source, its commands ones that the program takes. `--level
    release` runs them: the next test, and tests/commands/test_init_signals.py in a project.
    """
    source, made = (DOCS / "make" / page).read_text(), (DOCS / page).read_text()
    assert without_output(made) == without_output(source), HOW
    told = [command for command, _ in generate.commands_of(made)]
    assert told == [command for command, _ in generate.commands_of(source)], HOW
    if page == "motor.md":
        spec = environment("c").get_template(TEMPLATES[SPEC])
        (tmp_path / SPEC).write_text(spec.render(boards=["uno"]))
    monkeypatch.chdir(tmp_path)
    taken = [taken_by_the_program(command) for command in told if command.startswith("tinygen ")]
    assert len(taken) >= 5
    with pytest.raises(click.UsageError, match="--windows"):
        taken_by_the_program("tinygen train --windows 1s")


def test_the_page_on_manifests_is_made_from_its_source(generate, level, simavr, tmp_path):
    source, made = (DOCS / "make/verify.md").read_text(), (DOCS / "verify.md").read_text()
    assert without_output(made) == without_output(source), HOW
    told = generate.commands_of(made)
    assert [command for command, _ in told] == [c for c, _ in generate.commands_of(source)], HOW
    ours = [command for command, _ in told if command.startswith("tinygen ")]
    assert len([taken_by_the_program(command) for command in ours]) >= 5
    ends = [lines[-1] for command, lines in told if command.startswith("tinygen verify")]
    assert ends == ["same bytes", "same bytes", "exit code 1", "exit code 1"]
    if level == "release":
        fresh = generate.commands_of(generate.verify(tmp_path))
        assert_alike(fresh, told)
        assert [lines[-1] for command, lines in fresh if "verify" in command] == ends


def taken_by_the_program(command: str) -> click.Context:
    """A command line with its options read; nothing is run."""
    words = shlex.split(re.split(r" \|\| | > ", command)[0])
    _, name, *words = [word for word in words if word != "--reproducible"]
    return main.commands[name].make_context(name, words)


def test_what_is_made_from_the_tutorial_is_current(generate):
    """The README holds what the tutorial's page says that its commands printed."""
    printed = dict(generate.commands_of((DOCS / "tutorial.md").read_text()))
    readme = (ROOT / "README.md").read_text()
    assert generate.readme(printed) == readme, HOW
    assert len(readme.splitlines()) < 100
    assert "PASS: the board answers what the model answers" in (DOCS / "tutorial.md").read_text()
    page, source = (DOCS / "header.md").read_text(), (DOCS / "make/header.md").read_text()
    for words in re.split(r"<<< .* >>>", source):
        assert words in page, HOW
    assert "CLASSROOM_THRESHOLD 1000" in page and "<<<" not in page


def test_the_tutorial_runs_as_it_is_written(generate, level, simavr, tmp_path):
    """Every command ends well and prints lines of the same kind; figures may differ with the
    compiler's version.
    """
    if level == "commit":
        pytest.skip("a search, a build and a stream: --level release")
    fresh = generate.commands_of(generate.tutorial(tmp_path))
    assert_alike(fresh, generate.commands_of((DOCS / "tutorial.md").read_text()))
    made = generate.readme(dict(fresh))
    readme = (ROOT / "README.md").read_text()
    assert_alike(generate.commands_of(made), generate.commands_of(readme))
    assert without_output(made) == without_output(readme), HOW
    page = (DOCS / "header.md").read_text()
    assert re.findall(r"#define \w+", generate.header(tmp_path)) == re.findall(
        r"#define \w+", page
    ), HOW


def assert_alike(fresh, kept) -> None:
    """The same commands, which print lines of the same kinds."""
    assert [command for command, _ in fresh] == [command for command, _ in kept], HOW
    for (command, now), (_, then) in zip(fresh, kept):
        assert kinds(now) == kinds(then), f"`{command}` prints otherwise than its page says: {HOW}"


def without_output(page: str) -> str:
    """A page without its console blocks."""
    return re.sub(r"```console\n.*?```", "", page, flags=re.S)


def test_the_demo_prints_what_its_page_says(generate, level, simavr, air_quality, tmp_path):
    """The whole demo runs here in the release programme only; tests/sim/test_demo.py runs it each
    time and checks its figures.
    """
    page = (DOCS / "demo.md").read_text()
    assert without_output(page) == without_output((DOCS / "make/demo.md").read_text()), HOW
    if level == "release":
        fresh = generate.commands_of(generate.with_output("demo.md", tmp_path))
        assert_alike(fresh, generate.commands_of(page))


def kinds(lines: list[str]) -> set[str]:
    """The words that lines begin with, but for the names of models and what depends on figures
    alone.
    """
    return {
        word[0]
        for line in lines
        if (word := re.match(r"[A-Za-z/]+", line))
        and word[0] not in ("worst", "low", "medium", "high", "error")
    }


def test_another_kind_of_line_is_noticed():
    assert kinds(["error 3", "alarm 4", "", "  7 lookup"]) == {"alarm"} != kinds(["alarms 4"])


@pytest.mark.parametrize("page", [*PAGES, *READ_FIRST], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), (
            f"{page.name} links to {target}"
        )


@pytest.mark.parametrize("page", [*PAGES, *READ_FIRST], ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page):
    named = re.findall(
        r"`((?:tinygen|tests|host|firmware|templates|docs|benchmarks)/[\w./-]+)`",
        page.read_text(encoding="utf-8"),
    )
    made_by_the_reader = {n for n in named if Path(n).name.split(".")[0] in ("NAME", "halves")}
    missing = [name for name in named if not (ROOT / name).exists()]
    assert set(missing) <= made_by_the_reader, missing


class Fetched(HTMLParser):
    """What a browser would load for a page."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [values.get("src")] * (tag in ("script", "img", "iframe", "source")) + [
            values.get("href")
        ] * (tag == "link")


def test_the_site_builds_without_a_warning_and_needs_no_network(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")],
        cwd=DOCS.parent,
        text=True,
        capture_output=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    if "No module named mkdocs" in done.stderr:
        unavailable("mkdocs is missing: pip install 'tinygen[docs]'")
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    built = {
        page.relative_to(tmp_path / "site").with_suffix(".md").name
        for page in (tmp_path / "site").glob("*.html")
    }
    assert {page.name for page in PAGES} <= built and not (tmp_path / "site/make").exists()
    for page in (tmp_path / "site").rglob("*.html"):
        reader = Fetched()
        reader.feed(page.read_text(encoding="utf-8"))
        outside = [a for a in reader.addresses if a and re.match(r"(https?:)?//", a)]
        assert reader.addresses and not outside, f"{page.name} loads {outside}"
    assert not [
        sheet
        for sheet in (tmp_path / "site").rglob("*.css")
        if re.search(r"url\(\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8"))
    ]
