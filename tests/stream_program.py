"""A program that streams, in a process of its own: started and killed by
tests/host/test_cables.py.
"""

from pathlib import Path

from tinygen.host import opening
from tinygen.host.check import Alarm, Checker, expect
from tinygen.host.link import open_link
from tinygen.host.record import RowFile
from tinygen.host.stream import stream

from tinygen.model.model import load


def run(model_file: Path, rows, port: str, out: Path) -> None:
    """Streams rows into the board at `port` and writes the results to `out`."""
    opening.QUIET_SECONDS = (
        0.02  # a pty has no bootloader behind it that would have to be waited for
    )
    model = load(model_file)
    with open_link(port, model) as link:
        expected = expect(model, rows, Alarm.of(model, link.info))
        checker = Checker(expected)
        with RowFile(out, float) as file:
            for reply in stream(link, rows.tolist()):
                file.row(reply, checker.add(reply), checker.expected)
