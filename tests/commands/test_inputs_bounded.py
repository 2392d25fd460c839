"""Files that are read: regular ones of a bounded size; cells on standard input as in a file."""

import os
from pathlib import Path

import numpy as np
import pytest

from tinygen.commands._live_rows import text_rows
from tinygen.common.errors import DataError, UsageError
from tinygen.common.files import read_words
from tinygen.data import load_table
from tinygen.model.fixedpoint import MISSING, Quantity
from tinygen.report.dossier import runs

CELLS = ["1", "-1.5", "1_000", "infinity", "inf", "nan", "0x10", "١٢", "1e2", "1e9999", "", "x"]
CELLS += ["-200", "-200.0", "-200.0000001", "+5", ".5", "5.", "1 000", "NA"]


def test_a_note_is_a_small_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_bytes(b"x" * 100_001)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "good").write_text("wörds", encoding="utf-8")
    for name, words in (
        ("pipe", "is not a regular file"),
        ("long", "has 100,001 bytes, at most 100,000"),
        ("binary", "not UTF-8"),
        ("absent", "No such file"),
        (".", "is not a regular file"),
    ):
        with pytest.raises(UsageError, match=words):
            read_words(tmp_path / name, "note")
    with pytest.raises(UsageError, match="note '/dev/zero' is not a regular file"):
        read_words(Path("/dev/zero"), "note")
    assert read_words(tmp_path / "good", "note") == "wörds"


def test_a_run_is_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "run.csv")
    with pytest.raises(DataError, match="not a regular file"):
        runs._rows(tmp_path / "run.csv")


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_cells_on_standard_input_are_read_as_in_a_file(tmp_path, delimiter):
    """Each cell alone beside a plain number, so that the file's column is one of numbers."""
    quantity = Quantity("a", "", 0.5, -1000.0, 1000.0)
    for cell in CELLS:
        path = tmp_path / "rows.csv"
        path.write_text(f"a{delimiter}b\n{cell}{delimiter}1\n7{delimiter}2\n", encoding="utf-8")
        column = load_table(path, missing=(-200,)).columns["a"]
        in_file = int(quantity.to_raw(column[0])) if np.isfinite(column[0]) else MISSING
        lines = iter(path.read_text(encoding="utf-8").splitlines())
        first, _ = text_rows(lines, (quantity,), (-200.0,))
        assert first.tolist() == [in_file], cell


def test_quotes_groups_and_percents_on_standard_input():
    """Quotes hold the delimiter; groups count where they have no second reading; % where the model
    has it.
    """
    plain, percent = (Quantity(n, u, 0.5, -1000.0, 9000.0) for n, u in (("a", ""), ("b", "%")))
    for line, wanted in (
        ('"7,563.5",47.5%', [15127, 95]),
        ("1'000,47", [2000, 94]),
        ('5%,"1', [MISSING, MISSING]),
        ("1 00,1 000 000.5 x", [MISSING, MISSING]),
        ("5%,5 %", [MISSING, 10]),
    ):
        rows = text_rows(iter(["a,b", line]), (plain, percent), ())
        assert next(rows).tolist() == wanted, line
