"""What is a value, what is none, and what is the name of a class."""

import numpy as np
import pytest
from learned import learned
from tables import grid, parse

from tinygen.data import load_table, prepare


def tilt(rows=600):
    """An accelerometer in steps of 20 mg, -1000 .. 1000: -200 is a reading like any other."""
    rng, lines = np.random.default_rng(3), ["ax,ay,az,angle"]
    for a, b in rng.uniform((-90, -30), (90, 30), (rows, 2)):
        a_, b_ = np.radians((a, b))
        g = 1000 * np.array([np.sin(a_), np.cos(a_) * np.sin(b_), np.cos(a_) * np.cos(b_)])
        lines.append(",".join([*map(str, (np.round(g / 20) * 20).astype(int)), f"{a:.1f}"]))
    return "\n".join(lines) + "\n"


def test_a_reading_of_minus_200_is_a_reading():
    table = parse(tilt(), None)
    assert table.missing == () and table.notes == ()
    assert (table.columns["ax"] == -200).sum() >= 3
    assert prepare(table, "angle").provenance.rows_dropped == 0


def test_codes_stand_alone_in_several_columns():
    """The UCI file's -200, and a note; in one column only it is not beyond doubt."""
    lost = lambda i: f"{-200 if i % 9 == 4 else i},{-200 if i % 7 == 3 else 100 + i % 40},{3 * i}"
    table = parse(grid(120, line=lost), None)
    assert table.missing == (-200.0,) and len(table.notes) == 1
    assert "-200 stands far outside" in table.notes[0] and "--missing none" in table.notes[0]
    dataset = prepare(table, "y")
    assert dataset.provenance.rows_dropped == 28 and dataset.notes[0] == table.notes[0]
    one = parse(grid(120, line=lambda i: f"{-200 if i % 9 == 4 else i},{i % 40},{3 * i}"), None)
    assert one.missing == () and one.columns["a"].min() == -200
    assert parse(grid(120, line=lost), ("none",)).columns["a"].min() == -200


def test_motors_that_run_at_minus_200_0_and_200_lose_nothing():
    speeds = grid(90, line=lambda i: f"{(i % 3 - 1) * 200},{(i // 3 % 3 - 1) * 200},{i}")
    assert parse(speeds, None).missing == ()


def test_the_published_file_says_so_itself(air_quality):
    table = load_table(air_quality)
    assert table.missing == (-200.0,) and "-200" in table.notes[0]
    given = load_table(air_quality, (-200,))
    for name in table.names:
        assert np.array_equal(table.columns[name], given.columns[name], equal_nan=True)


@pytest.mark.parametrize(
    "words", [("None", "shake"), ("Null", "walk", "run"), ("+", "-"), ("-", "None")]
)
def test_words_are_labels(words):
    """A class called None, and a verdict written + and -."""
    text = grid(90, "a,b,kind", lambda i: f"{i},{i * i % 17},{words[i % len(words)]}")
    dataset = prepare(parse(text, None), "kind")
    assert sorted(dataset.labels) == sorted(words) and len(dataset.x) == 90
    for word in set(words) & {"None", "Null", "-"}:
        assert any(f"--missing {word}" in note for note in dataset.notes)


def test_a_label_can_be_switched_off():
    text = grid(90, "a,b,kind", lambda i: f"{i},{i * i % 17},{('None', 'shake', 'turn')[i % 3]}")
    dataset = prepare(parse(text, ("None",)), "kind")
    assert dataset.labels == ("shake", "turn") and dataset.provenance.rows_dropped == 30


def test_a_dash_among_numbers_is_no_value():
    text = grid(60, line=lambda i: f"{i},{'-' if i % 9 == 0 else i * i % 17},{3 * i}")
    assert prepare(parse(text, None), "y").provenance.rows_dropped == 7


CODES = ("16753245", "16753247", "16736925", "4294967295")


def test_codes_are_exact_text():
    """Two keys of an infrared remote differ in the last digit."""
    text = grid(80, "a,b,key", lambda i: f"{i},{i * i % 17},{CODES[i % 4]}")
    assert sorted(prepare(parse(text), "key").labels) == sorted(CODES)
    text = grid(80, "a,b,key", lambda i: f"{i},{i * i % 17},{('007', '1.50')[i % 2]}")
    assert prepare(parse(text), "key", task="classification").labels == ("1.50", "007")


def machine(rows=300):
    """Four nominal states, coded 0 .. 3; 0 and 3 look alike."""
    rng, lines = np.random.default_rng(1), ["vib,temp,state"]
    centres = ((300, 30), (800, 60), (250, 80), (380, 34))
    for _ in range(rows):
        state = int(rng.integers(0, 4))
        vib, temp = centres[state]
        lines.append(f"{int(vib + rng.normal(0, 60))},{temp + rng.normal(0, 5):.1f},{state}")
    return "\n".join(lines) + "\n"


def test_class_codes_are_classified_and_it_is_said():
    model, dataset = learned(machine(), "state")
    assert model.labels == ("0", "1", "2", "3")
    assert any("--task regression" in note for note in dataset.notes)
    assert prepare(parse(machine()), "state", task="regression").labels == ()


@pytest.mark.parametrize("target", ["i", "i % 30", "i % 4 / 10", "5 * (i % 12)"])
def test_quantities_stay_quantities(target):
    text = grid(120, "a,b,y", lambda i: f"{i},{i * i % 17},{eval(target, {'i': i})}")
    assert prepare(parse(text), "y").labels == ()


@pytest.mark.parametrize("word", ["#N/A", "#REF!", "#####"])
def test_an_error_of_a_spreadsheet_begins_no_comment(word):
    """The row stays, in the first column as in any other."""
    table = parse(f"a,b\n1,2\n{word},3\n# a remark\n4,5\n", None)
    assert table.file_rows.tolist() == [2, 3, 5] and table.columns["b"].tolist() == [2, 3, 5]
    assert np.isnan(table.columns["a"][1]) and ("a" in table.texts) == (word != "#N/A")
