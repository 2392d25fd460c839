"""A file of too many cells is refused once its bytes are counted, not after minutes of reading."""

import io
import random
import time

import pytest

from tinygen.common.errors import DataError
from tinygen.data.layout import cells_at_least
from tinygen.data.table import read_table


def made_up(rng: random.Random) -> tuple[bytes, int]:
    """A file of any layout, and how many columns it has."""
    delimiter, end = rng.choice(",;\t"), rng.choice(["\n", "\r\n"])
    columns, mark = rng.randint(1, 6), "." if delimiter == "," else rng.choice(".,")
    rows = [delimiter.join("abcdef"[:columns])]
    for _ in range(rng.randint(3, 200)):
        if rng.random() < 0.1:
            rows.append(rng.choice(["", delimiter * (columns - 1)]))
        cells = (f"{rng.uniform(-9, 9):.2f}".replace(".", mark) for _ in range(columns))
        rows.append(delimiter.join(cells))
    return (end.join(rows) + rng.choice(["", end])).encode(), columns


def test_never_more_than_there_are_and_most_of_them():
    rng = random.Random(1)
    for _ in range(100):
        content, columns = made_up(rng)
        cells = read_table(io.BytesIO(content), "x.csv", ()).rows_read * columns
        assert 0.8 * cells - 6 <= cells_at_least(io.BytesIO(content)) <= cells


@pytest.mark.parametrize(
    "content", [b'a,b\n"1\n2",3\n' * 9, "a,b\n1,2\n".encode("utf-16") * 9, b"", b"a,b"]
)
def test_where_it_cannot_be_told(content):
    assert cells_at_least(io.BytesIO(content)) == 0


def test_a_block_that_ends_within_a_line():
    line = b"1.25,2.5,3.75,4\n"
    content = b"a,b,c,d\n" + line * 200_000  # 3.2 MB: four blocks
    assert 799_996 <= cells_at_least(io.BytesIO(content)) <= 800_000


def test_a_hundred_megabytes_are_refused_within_seconds():
    content = io.BytesIO(b"a,b,c,d\n" + b"1.25,2.5,3.75,4\n" * 6_400_000)
    begun = time.process_time()
    with pytest.raises(DataError, match=r"more than 16000000 cells \(at least 25600000\): keep"):
        read_table(content, "big.csv")
    assert time.process_time() - begun < 20  # 1 s where nothing else runs; reading takes minutes
