"""Small tables for tests, and the columns of the real file's tasks."""

import io

import numpy as np
import pytest

from tinygen.commands.demo import ARTICLE_INPUTS
from tinygen.common.errors import WRONG_USE, DataError
from tinygen.data import read_table

TASK_A = ARTICLE_INPUTS
TASK_B = ("PT08.S1(CO)", "PT08.S3(NOx)", "PT08.S4(NO2)", "PT08.S5(O3)", "T", "RH", "AH")
TASK_C = TASK_A[1:]


def parse(content, missing=(-200,)):
    """The table in a text or bytes."""
    return read_table(
        io.BytesIO(content.encode() if isinstance(content, str) else content), "rows.csv", missing
    )


def refused(call, *parts, error=DataError):
    """The call fails with one line that contains all parts, and the exit code of wrong use."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert caught.value.exit_code == WRONG_USE
    assert "\n" not in message and message.isprintable() and len(message) < 600
    for part in parts:
        assert part in message, message


def grid(rows=40, header="a,b,y", line=lambda i: f"{i},{i * i % 17},{3 * i}"):
    """A small good CSV text of distinct rows."""
    return "\n".join([header, *(line(i) for i in range(rows))]) + "\n"


def equal(one, other):
    """Whether two tables hold the same numbers under the same names."""
    return one.names == other.names and all(
        np.array_equal(one.columns[n], other.columns[n], equal_nan=True) for n in one.names
    )
