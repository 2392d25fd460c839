"""Groups of three digits, and percents: read by the whole column's evidence, or refused."""

import numpy as np
import pytest
from tables import parse, refused

from tinygen.data import prepare

GAS = np.random.default_rng(14).uniform(500, 9000, 60).round(1)
TEMP = np.random.default_rng(15).uniform(15, 30, 60).round(1)


def german(value, digits=1):
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def file(delimiter, gas, temp=lambda value: f"{value:.1f}"):
    lines = [f"{gas(g)}{delimiter}{temp(t)}" for g, t in zip(GAS, TEMP)]
    return "\n".join([f"gas{delimiter}temp", *lines]) + "\n"


@pytest.mark.parametrize(
    "text, digits",
    [
        (file(",", lambda g: f'"{g:,.1f}"'), 1),  # "7,563.4"
        (file(",", lambda g: f'"{g:,.0f}"'), 0),  # "7,563"
        (file(";", german, lambda t: german(t)), 1),  # 7.563,4
        (file(";", german), 1),  # 7.563,4 beside 21.2
        (file(";", lambda g: german(g, 0)), 0),  # 7.563 beside 955
        (file(";", lambda g: german(g).replace(".", " ")), 1),  # 7 563,4
        (file(";", lambda g: german(g).replace(".", "\u00a0")), 1),
        (
            file(";", lambda g: f"{g:,.1f}".replace(",", "\u2019")),
            1,
        ),  # 7'563.4, with a typographic '
    ],
)
def test_groups_are_read(text, digits):
    table = parse(text)
    assert not table.texts and not table.doubts
    assert table.columns["gas"].tolist() == GAS.round(digits).tolist()
    assert table.columns["temp"].tolist() == TEMP.tolist()


def test_three_decimals_are_decimals():
    for values in (GAS / 1000, GAS / 100):
        text = "a\n" + "\n".join(f"{v:.3f}" for v in values) + "\n"
        assert parse(text).columns["a"].tolist() == [float(f"{v:.3f}") for v in values]


def test_a_column_of_two_readings_is_refused_with_both():
    few = "a;y\n" + "\n".join(f"{'7.563' if i == 3 else i};{i}" for i in range(40)) + "\n"
    refused(lambda: prepare(parse(few), "y"), "'7.563' may be 7563 or 7.563", "'a'")


def test_percents():
    text = "hum,y\n" + "\n".join(f"{40 + i / 10:.1f}%,{i}" for i in range(40)) + "\n"
    table = parse(text)
    assert table.columns["hum"][:2].tolist() == [40.0, 40.1] and not table.texts
    assert table.units["hum"] == "%"
    mixed = text.replace("40.5%", "40.5")
    refused(lambda: prepare(parse(mixed), "y", ["hum"]), "'40.0%' is not a number")


def test_groups_beside_whole_numbers_without_groups_are_refused():
    """1 000 beside 1500: two cells torn into one, perhaps."""
    for odd in ("1 000", "1'000", "1.234.567"):
        text = f"a;y\n{odd};1\n" + "\n".join(f"{1500 + i};{i}" for i in range(40)) + "\n"
        refused(lambda: prepare(parse(text), "y", ["a"]), "row 2, column 'a'", "is not a number")
