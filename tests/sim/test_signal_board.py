"""A model of signals on the whole virtual board, streamed to."""

from dataclasses import replace

import pytest
from signal_board_model import MODEL, samples
from tinygen.host.check import check, expect
from tinygen.host.link import open_link
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.codegen.emit import emit_project
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import MISSING

UNO = BOARDS["uno"]


@pytest.fixture(scope="module")
def streaming(firmware_elf, tmp_path_factory):
    return firmware_elf(emit_project(MODEL, tmp_path_factory.mktemp("signal"), [UNO]), UNO)


def answered(elf, raw, fault=None):
    with open_link(avr_url(UNO.pio_id, elf), MODEL, UNO) as link:
        link.port.board.fault = fault
        return list(stream(link, raw.tolist()))


def test_every_sample_gets_the_decision_so_far(streaming):
    raw = samples()
    expected = expect(MODEL, raw)
    assert set(expected.prediction) == {MISSING, 0, 1, 2}
    verdict = check(answered(streaming, raw), expected)
    assert verdict.passed and verdict.not_sure > 0 and verdict.missing == 2
    assert verdict.clamped == 1 and verdict.retries == 0
    other = expect(replace(MODEL, votes=1), raw)  # the check can fail
    assert check(answered(streaming, raw), other).wrong > 0


def test_a_sample_that_is_sent_again_counts_once(streaming):
    count = 0

    def spoilt(direction, byte, cycle):
        nonlocal count
        count += 1
        return bytes([byte ^ 0x10]) if count % 331 == 0 else bytes([byte])

    raw = samples()
    verdict = check(answered(streaming, raw, spoilt), expect(MODEL, raw))
    assert verdict.passed and verdict.retries >= 10
