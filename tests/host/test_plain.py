"""Lines of a user's own sketch: what is taken, what is dropped and told."""

import pytest
from tinygen.host.recorder.plain import Lines, record_lines

from tinygen.common.errors import LinkError, UsageError


class Port:
    """A port that hands out pieces: bytes, or seconds that pass without any."""

    def __init__(self, *pieces):
        self.pieces, self.seconds, self.board = list(pieces), 0.0, self

    in_waiting = 100

    def read(self, size):
        self.seconds += 0.01
        if not self.pieces:
            self.seconds += 1
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, bytes):
            return piece
        self.seconds += piece
        return b""

    def close(self):
        pass


def run(*pieces, names=(), rate=100, seconds=None, count=None):
    """(the recording, the file's rows with its titles first)."""
    rows = []
    lines = Lines(Port(1.5, *pieces), "fake")
    stop = lambda: count is not None and len(rows) > count
    begin = lambda titles: rows.append(titles)
    row = lambda t, cells: rows.append((t, *(cells or ["dropped"])))
    return record_lines(lines, list(names), rate, seconds, begin, row, stop), rows


def test_a_header_names_the_columns_and_the_rate_counts_the_time():
    got, rows = run(b"ax,ay [g]\r\n1,-2\r\n3,4", b".5\r\n-.5,6e2\r\n", count=3)
    assert rows[0] == ("ax", "ay [g]")
    assert rows[1:] == [("0.00", "1", "-2"), ("0.01", "3", "4.5"), ("0.02", "-.5", "6e2")]
    assert (got.samples, got.dropped, got.stopped) == (3, 0, True)


def test_names_may_be_given_or_are_numbered():
    assert run(b"1,2\n3,4\n", names=("x", "y"), count=2)[1][0] == ("x", "y")
    assert run(b"header,line\n1,2\n", names=("x", "y"), count=1)[1][0] == ("x", "y")
    assert run(b"1,2\n", count=1)[1][0] == ("c1", "c2")


@pytest.mark.parametrize("bad", [b"1,2", b"1,,3", b"1,2,x", b"1,2,3,4", b"\xff,2,3", b"1,2,0x3"])
def test_what_is_no_row_is_dropped_and_told_at_its_time(bad):
    got, rows = run(b"a,b,c\n1,2,3\n" + bad + b"\n4,5,6\n", count=3)
    assert rows[1:] == [("0.00", "1", "2", "3"), ("0.01", "dropped"), ("0.02", "4", "5", "6")]
    assert (got.samples, got.dropped) == (3, 1)
    assert got.examples == (repr(bad.decode("ascii", "replace")),)


def test_the_first_line_of_a_program_that_ran_before_is_cut():
    lines = Lines(Port(b"2,3\n11,22\n33,44\n"), "fake")
    rows = []
    stop = lambda: len(rows) > 1
    got = record_lines(lines, [], 10, None, rows.append, lambda t, c: rows.append((t, *c)), stop)
    assert rows == [("c1", "c2"), ("0.0", "11", "22"), ("0.1", "33", "44")]
    assert (got.dropped, got.examples) == (1, ("'2,3'",))


def test_a_line_that_a_reset_cuts_off_does_not_spoil_the_header():
    _, rows = run(b"17,2", 1.0, b"a,b\n1,2\n", count=1)
    assert rows == [("a", "b"), ("0.00", "1", "2")]


def test_milliseconds_tell_the_time_and_wrap():
    text = b"millis,x\n4294967290,1\n4,2\n14,3\n"
    got, rows = run(text, rate=None, count=3)
    assert rows == [("x",), ("0.000", "1"), ("0.010", "2"), ("0.020", "3")]
    got, rows = run(b"millis,x\n100,1\nbad\n120,3\n", rate=None, count=2)
    assert rows == [("x",), ("0.000", "1"), ("0.020", "3")] and got.dropped == 1


def test_it_ends_after_its_seconds():
    text = b"".join(b"%d,%d\n" % (k * 10, k) for k in range(100))
    assert run(text, seconds=0.25)[0].samples == 25
    _, rows = run(text, names=("ms", "x"), rate=None, seconds=0.25)
    assert rows[-1] == ("0.250", "25")


def test_a_reset_is_seen_in_the_milliseconds():
    got, rows = run(b"ms,x\n5000,1\n5010,2\n3,9\n13,9\n", rate=None, count=9)
    assert len(rows) == 3 and "milliseconds went from 5010 to 3" in got.failure


def test_without_a_time_there_is_no_recording():
    with pytest.raises(UsageError, match=r"no column of milliseconds.*give the sketch's --rate"):
        run(b"a,b\n1,2\n", rate=None)


@pytest.mark.parametrize("text", [b"", b"hello world!\n" * 5, b"\x80\xfe\x00" * 500])
def test_a_board_that_prints_no_numbers_is_one_line(text):
    with pytest.raises(LinkError, match=r"prints no lines of numbers for 5 s.*check the port"):
        run(text)


def test_silence_keeps_what_was_recorded():
    got, rows = run(b"1,2\n3,4\n")
    assert len(rows) == 3 and "prints no lines of numbers" in got.failure
