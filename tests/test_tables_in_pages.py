"""No measured figure in a table or picture of README or docs without the command that makes it.

Each picture, and each table that has figures with units or several decimals, stands below a comment
that names the command: `<!-- figures: benchmarks/goals.py -->`, or why it has none that are
measured: `<!-- no figures: settings -->`.
"""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# made whole from the program by docs/make/generate.py, which its own test repeats
GENERATED = {"commands.md", "tutorial.md", "motor.md", "header.md"}
PAGES = [ROOT / "README.md", ROOT / "benchmarks/README.md"] + [
    p for p in sorted((ROOT / "docs").glob("*.md")) if p.name not in GENERATED
]
UNIT = r"(?:%|(?:B|KB|bytes?|cycles|ug/m3|ppm|ppb|rows/s|ms|us|s|MHz|mA|uA|minutes?|seconds?)\b)"
FIGURE = re.compile(rf"(?<![\w.-])\d+(?:,\d{{3}})*(?:\.\d+)?\s*{UNIT}")
DECIMAL = re.compile(r"^[+-]?\d+\.\d+$")
MARK = re.compile(r"<!-- (no figures|figures|bench|benchmarks/[\w./]+)(?:: ?(.*?))? -->")


PICTURE = re.compile(r"!\[[^]]*\]\(([^)\s]+)|<img[^>]*\bsrc=[\"']([^\"']+)")


def tables(text):
    """(line above, header, rows) of each table."""
    above, found = "", []
    for line in text.splitlines():
        if not line.startswith("|"):
            if found:
                yield above, found[0], found[2:]
                above, found = "", []
            above = line or above
        else:
            found.append(line)
    if found:
        yield above, found[0], found[2:]


def measured(header, rows):
    """True of a table with figures that somebody measured, as far as units tell."""
    cells = [c.strip() for row in (header, *rows) for c in row.strip("|").split("|")]
    return any(map(FIGURE.search, cells)) or sum(bool(DECIMAL.match(c)) for c in cells) > 3


def commands(words):
    """The files and targets that the words of a comment name."""
    files = re.findall(r"(?:benchmarks|tests|docs/make)/[\w./]+\.(?:py|json)", words)
    return files + re.findall(r"make [\w-]+", words)


def there(command):
    if command.startswith("make "):
        target = command.removeprefix("make ")
        makefile = (ROOT / "Makefile").read_text(encoding="ascii")
        return bool(re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE))
    return (ROOT / command).is_file()


def without_command(text):
    """The first header cell of each table with figures and no comment, or one that names nothing
    that exists. A comment holds for all tables up to `<!-- end -->` where there is one.
    """
    found, block = [], None
    for part in re.split(r"(?=<!-- (?:bench|figures|otherwise|end))", text):
        mark = MARK.match(part)
        if mark and mark[1] == "bench":
            block = mark
        elif part.startswith("<!-- end"):
            block = None
        for above, header, rows in tables(part):
            own = MARK.match(above) or block
            if measured(header, rows) and not (own and _names(own)):
                found.append(header.strip("|").split("|")[0].strip())
    return found


def _names(mark):
    if mark[1] == "no figures":
        return bool(mark[2])
    named = commands(f"{mark[1]} {mark[2] or ''}")
    return bool(named) and all(map(there, named))


def pictures_without_command(text):
    """The files of pictures without a comment in the line above, or with one that names nothing."""
    lines = text.splitlines()
    return [
        markdown or html
        for above, line in zip(["", *lines], lines)
        for markdown, html in PICTURE.findall(line)
        if not ((mark := MARK.match(above)) and _names(mark))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_picture_names_its_command(page):
    assert pictures_without_command(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<!-- figures: make bench -->\n![a](a.svg)\n", []),
        ("<!-- figures: make gone -->\n![a](a.svg)\n", ["a.svg"]),
        ("<!-- figures: make bench -->\n![a](a.svg)\n\n![b](b.svg)\n", ["b.svg"]),
        ("<!-- figures: make bench -->\n![a](a.svg)\n![b](b.svg)\n", ["b.svg"]),
        ("![a](a.svg)\n", ["a.svg"]),
        ("words\nand ![a](a.svg)\n", ["a.svg"]),
        ('words\n<img alt="a" src="a.png">\n', ["a.png"]),
    ],
)
def test_a_picture_without_its_command_is_found(text, found):
    assert pictures_without_command(text) == found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_table_of_figures_names_its_command(page):
    assert without_command(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("| a | b |\n|---|---|\n| 1 | 20 bytes |\n", ["a"]),
        ("<!-- figures: benchmarks/goals.py -->\n| a |\n|---|\n| 5 ms |\n", []),
        ("<!-- figures: benchmarks/gone.py -->\n| a |\n|---|\n| 5 ms |\n", ["a"]),
        (
            "<!-- figures: make bench -->\n\n| a |\n|---|\n| 5 ms |\n\n| b |\n|---|\n| 5 ms |\n",
            ["b"],
        ),
        (
            "<!-- bench: `make bench` -->\n| a |\n|---|\n| 5 ms |\n\nx\n\n| b |\n|---|\n| 5 s |\n",
            [],
        ),
        ("<!-- no figures: limits -->\n| a |\n|---|\n| 5 ms |\n", []),
        ("| a |\n|---|\n| 0.1 |\n| 0.2 |\n| 0.3 |\n| 0.4 |\n", ["a"]),
        ("| a | b |\n|---|---|\n| 1 | a byte |\n", []),
    ],
)
def test_what_counts_as_a_figure_and_as_a_command(text, found):
    assert without_command(text) == found


def test_the_table_of_the_readme_is_that_of_the_goals():
    """Each row of README has the figures of one goal: the mean error, the worst seed's costs."""
    goals = json.loads((ROOT / "benchmarks/results/goals.json").read_text(encoding="ascii"))
    shown = ("A", "random", 128), ("B", "random", 1024), ("B", "time", 256), ("C", "random", 700)
    found = {(g["task"], g["split"], g["budget"]["flash_bytes"]): g for g in goals}
    rows = [found[key] for key in shown]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (told,) = [body for _, header, body in tables(text) if "RAM and stack" in header]
    assert len(told) == len(rows)
    for line, goal in zip(told, rows):
        error, flash, ram, cycles = [c.strip().split()[0] for c in line.strip("|").split("|")[2:]]
        digits = len(error.partition(".")[2])
        assert error == f"{goal['error']:.{digits}f}"
        worst = [max(s[n] for s in goal["seeds"]) for n in ("flash_bytes", "ram_bytes", "cycles")]
        assert [int(v.replace(",", "")) for v in (flash, ram, cycles)] == worst


def test_what_the_page_says_of_scikit_learns_sets_is_what_was_measured():
    text = (ROOT / "benchmarks/results/sklearn_sets.json").read_text(encoding="utf-8")
    found = {row["set"]: row for row in json.loads(text)}
    largest = {name: max(s["flash_bytes"] for s in row["seeds"]) for name, row in found.items()}
    page = " ".join((ROOT / "docs/comparison.md").read_text(encoding="utf-8").split())
    assert (
        f"wine in {largest['wine']:,} bytes and breast cancer in {largest['breast_cancer']:,} err"
        " no more than the best of a forest, boosting and a linear model."
        f" Diabetes in {largest['diabetes']:,} bytes is {found['diabetes']['gap']:.1f} % worse,"
        f" digits in {largest['digits']:,} bytes {found['digits']['gap']:.1f} points"
    ) in page
    assert max(found[name]["gap"] for name in ("wine", "breast_cancer")) <= 0
