"""Files that grow while rows are streamed: whole lines, or an error of one line."""

import errno
import os
import resource
from pathlib import Path

import pytest
from native_rows import MODEL
from tinygen.host.check import expect
from tinygen.host.link import TO_BOARD
from tinygen.host.protocol import Result
from tinygen.host.record import RawLog, RowFile
from tinygen.host.stream import RowReply

from tinygen.common.errors import UsageError

ROWS = MODEL.sample_rows(40, 1)
EXPECTED = expect(MODEL, ROWS)
REPLIES = [
    RowReply(i, Result(1, i, *parts, 9), 1, 0.1)
    for i, parts in enumerate(
        zip(EXPECTED.flags, EXPECTED.pins, EXPECTED.prediction, EXPECTED.digest)
    )
]


@pytest.fixture
def full_disk():
    """Files may have 333 bytes: the write that crosses the limit is cut short, the next fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (333, before[1]))
    yield 333
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(path: Path, name: str) -> None:
    """Adds lines of some 30 bytes until all 40 rows are written."""
    if name == "log":
        with RawLog(path) as log:
            for _ in REPLIES:
                log(TO_BOARD, 1.0, bytes(5))
    else:
        with RowFile(path, lambda raw: raw) as rows:
            for reply in REPLIES:
                rows.row(reply, "", EXPECTED)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "log"])
def test_a_disk_that_fills_up_is_an_error_and_leaves_whole_lines(tmp_path, full_disk, name):
    path = tmp_path / name
    with pytest.raises(UsageError, match=r"cannot be written \(File too large\): .*make room"):
        fill(path, name)
    content = path.read_bytes()
    assert 0 < len(content) <= full_disk and content.endswith(b"\n")


def test_a_write_that_is_cut_short_goes_on(tmp_path, monkeypatch):
    """The system may take a part of a line although there is room."""
    write = os.write
    fill(tmp_path / "whole.csv", "whole.csv")
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    fill(tmp_path / "parts.csv", "parts.csv")
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_full_device():
    with pytest.raises(UsageError, match=os.strerror(errno.ENOSPC)):
        fill(Path("/dev/full"), "rows.csv")
