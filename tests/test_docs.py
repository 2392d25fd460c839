"""The pages: made from the program as it is, every command in the tutorial works, and the site
builds without a warning.
"""

import os
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from needs import unavailable

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
    from tinygen.common.boards import BOARDS

    for picture, board in (("uno", "uno"), ("mega", "megaatmega2560")):
        words = (DOCS / f"wiring-{picture}.svg").read_text(encoding="utf-8")
        told = re.search(
            r"Pin (\d+) through a resistor to the red LED, pin (\d+) through a resistor to the "
            r"green LED",
            words,
        )
        assert told.groups() == (str(BOARDS[board].red_pin), str(BOARDS[board].green_pin))


def test_the_tutorial_runs_as_it_is_written(generate, simavr, tmp_path):
    """Every command ends well and prints lines of the same kind; figures may differ with the
    compiler's version.
    """
    fresh = generate.commands_of(generate.tutorial(tmp_path))
    assert_alike(fresh, generate.commands_of((DOCS / "tutorial.md").read_text()))
    made = generate.readme(dict(fresh))
    readme = (ROOT / "README.md").read_text()
    assert_alike(generate.commands_of(made), generate.commands_of(readme))
    assert without_output(made) == without_output(readme), HOW
    assert len(readme.splitlines()) < 100
    assert "PASS: the board answers what the model answers" in (DOCS / "tutorial.md").read_text()
    page = (DOCS / "header.md").read_text()
    assert re.findall(r"#define \w+", generate.header(tmp_path)) == re.findall(
        r"#define \w+", page
    ), HOW
    assert "CLASSROOM_THRESHOLD 1000" in page and "<<<" not in page


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


def test_the_tutorial_of_the_motor_is_made_from_its_source():
    """Its commands run in tests/commands/test_init_signals.py, which has the project for it."""
    page = (DOCS / "motor.md").read_text()
    assert without_output(page) == without_output((DOCS / "make/motor.md").read_text()), HOW


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
