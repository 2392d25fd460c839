"""A model, its rows, the firmware as a program of the host, and noise on the line between them."""

import random
from dataclasses import replace

import numpy as np
import pytest
from native_board import NativeBoard, compile_board, native_link
from random_models import random_models
from tinygen.host.check import check, expect
from tinygen.host.stream import stream

from tinygen.model.fixedpoint import MISSING


def with_threshold_in_the_middle(model):
    """The model with a threshold that some rows hit exactly."""
    return replace(model, threshold=int(np.median(model.predict(model.sample_rows(401, 3)))))


MODEL = with_threshold_in_the_middle(random_models()["linear16"])
OTHER = with_threshold_in_the_middle(random_models()["lookup_square"])


@pytest.fixture(scope="session")
def firmware(tmp_path_factory):
    return compile_board(MODEL, tmp_path_factory.mktemp("native"))


def rows_of(n: int, seed: int = 1) -> np.ndarray:
    """Rows inside, at and outside the accepted range; every 50th lacks a value."""
    rows = MODEL.sample_rows(n, seed)
    rows[7::50, seed % 7] = MISSING
    return rows


def run(board: NativeBoard, rows, **options):
    with native_link(board, MODEL) as link:
        return check(stream(link, rows.tolist(), **options), expect(MODEL, rows))


class Noise:
    """Flips, drops, inserts and doubles bytes, each with its own probability; off while the link
    opens.
    """

    def __init__(
        self, seed: int, flip: float = 0, drop: float = 0, insert: float = 0, double: float = 0
    ) -> None:
        self.rng = random.Random(seed)
        self.flip, self.drop, self.insert, self.double = flip, drop, insert, double
        self.on = False

    def __call__(self, direction: str, data: bytes) -> bytes:
        if not self.on:
            return data
        out = bytearray()
        for octet in data:
            if self.rng.random() < self.drop:
                continue
            if self.rng.random() < self.insert:
                out.append(self.rng.randrange(256))
            for bit in range(8):
                if self.flip and self.rng.random() < self.flip:
                    octet ^= 1 << bit
            out.append(octet)
            if self.rng.random() < self.double:
                out.append(octet)
        return bytes(out)
