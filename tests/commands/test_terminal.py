"""What a file holds reaches the terminal as text: no control character, no line of its own."""

import io
import json
import random
import sys
from dataclasses import replace

import pytest

from tinygen.model.model import load

HOSTILE = "x\x1b]0;pwn\x07\u202e\x85y"
BROKEN = f"hot{HOSTILE}\nPASS: all good"  # a label may hold a line end, in quotes
SAFE = r"hotx\x1b]0;pwn\x07\u202e\x85y\nPASS: all good"


@pytest.fixture
def hostile(here):
    """A table of classes with hostile labels, and a model of it in the making."""
    draw = random.Random(1)
    lines = [f"temp [{HOSTILE.replace(';', ' ')}],damp,kind"]
    for _ in range(90):
        temp = draw.uniform(0, 30)
        label = f'"{BROKEN}"' if temp > 15 else "low"
        lines.append(f"{temp:.1f},{draw.uniform(0, 9):.2f},{label}")
    (here / "hostile.csv").write_text("\n".join(lines) + "\n")
    return here


def controls(text: str) -> set[str]:
    """The characters that are neither printable nor the end of a line."""
    return {c for c in text if not c.isprintable() and c != "\n"}


def test_no_label_and_no_unit_speaks_to_the_terminal(hostile, run):
    assert controls(HOSTILE) == set("\x1b\x07\u202e\x85")  # what would be found
    train = run("train hostile.csv --target kind --family tree -o m.json")
    assert train.code == 0, train.err
    for done in (
        train,
        run("predict m.json hostile.csv"),
        run("explain m.json hostile.csv --row 3"),
        run("monitor m.json hostile.csv"),
        run("data hostile.csv --target kind"),
    ):
        assert not controls(done.out + done.err), done.out
        assert not any(line.startswith("PASS: all good") for line in done.out.splitlines())
    assert SAFE in train.out and SAFE in run("predict m.json hostile.csv").out
    told = json.loads(run("predict m.json hostile.csv --json").out)
    assert BROKEN in told["label"]  # JSON holds it as it is
    replace(load("m.json"), labels=("a\x00b", "c\u2028\nd")).save("nul.json")
    done = run("predict nul.json hostile.csv")
    assert done.code == 0 and r"a\x00b" in done.out and r"c\u2028\nd" in done.out


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_a_terminal_that_lacks_a_letter_gets_its_code(encoding, here, run, monkeypatch):
    text = (here / "rows.csv").read_text(encoding="utf-8")
    (here / "fire.csv").write_text("\U0001f525" + text, encoding="utf-8")
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    told = run("data fire.csv --target gas")
    assert told.code == 0, told.err
    sys.stdout.flush()
    assert rb"\U0001f525heat" in written.getvalue()
