"""All combinations of a few switches are known: the model is exact, and nothing is asked for."""

import pytest
from learned import learned, true_error
from tables import parse

from tinygen.common.errors import DataError
from tinygen.data import prepare

XOR = "a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n"
LOCK = "b1,b2,b3,open\n" + "".join(
    f"{i >> 2 & 1},{i >> 1 & 1},{i & 1},{'yes' if i.bit_count() == 2 else 'no'}\n"
    for i in [k * 5 % 8 for k in range(500)]
)


@pytest.mark.parametrize("text, target", [(XOR, "y"), (XOR + XOR[6:] * 49, "y"), (LOCK, "open")])
def test_a_truth_table_is_learned_exactly(text, target):
    model, dataset = learned(text, target)
    assert true_error(model, text, target) == 0
    assert any("truth table" in note for note in dataset.notes)


def test_a_table_with_a_gap_is_none():
    """0 and 2: a reading of 1 may come. Three of four combinations: the fourth may come."""
    for text in (XOR.replace("1,", "2,"), XOR[:-6]):
        with pytest.raises(DataError, match="at least 20"):
            prepare(parse(text), "y")
