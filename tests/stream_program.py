"""A program that streams: MODEL.json ROWS.npy PORT OUT.csv [--reconnect]. Started and killed by tests/test_cables.py."""

import sys
from pathlib import Path

import numpy as np

from tinygen.host.check import Alarm, Checker, expect
from tinygen.host.link import open_link
from tinygen.host.record import RowFile
from tinygen.host.stream import stream
from tinygen.model import load

model, rows, port, out = load(Path(sys.argv[1])), np.load(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
with open_link(port, model) as link:
    expected = expect(model, rows, Alarm.of(model, link.info))
    checker = Checker(expected)
    with RowFile(out, expected, float) as file:
        for reply in stream(link, rows.tolist()):
            file.row(reply, checker.add(reply))
