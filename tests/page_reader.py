"""Reads a report's page and card, and writes the run of a board for them."""

import re
from html.parser import HTMLParser
from pathlib import Path

from tinygen.host.record import HEADER

from tinygen import data
from tinygen.model.fixedpoint import MISSING

ORDER = [
    "predicted",
    "range",
    "histogram",
    "ladder",
    "alarm",
    "sensitivity",
    "curves",
    "cost",
    "conversion",
    "run",
    "failures",
    "data",
]


HOSTILE = (
    "Date",
    "<script>alert(1)</script>",
    '" onload="alert(1)',
    "{{7*7}}$x^2$ | `b`\\_[a](http://b)",
    "gas [ppm]",
)


class Page(HTMLParser):
    """The words of a page, its elements, and what each of them carries."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.hidden = 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.hidden += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, words):
        if not self.hidden:
            self.words.append(words)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


def text_of_card(markdown_: str) -> str:
    """The card without what Markdown needs."""
    return re.sub(r"\\(.)", r"\1", markdown_)


def write_run(path: Path, model, csv: Path, change=lambda k, cells: cells) -> Path:
    raw, _ = data.rows_for(model.inputs, data.load_table(csv))
    answers, alarm = model.answer(raw), model.alarm(model.answer(raw))
    rows = [
        [k, y, y / 10, "OK", int(on), int(not on), 500 + k % 9, 1, y, "OK", 4 + k % 3]
        for k, (y, on) in enumerate(zip(answers.tolist(), alarm.tolist()))
    ]
    rows = [
        change(k, ["" if cell == MISSING else cell for cell in row]) for k, row in enumerate(rows)
    ]
    path.write_text(
        "\n".join(",".join(map(str, row)) for row in [list(HEADER), *rows]) + "\n", encoding="utf-8"
    )
    return path
