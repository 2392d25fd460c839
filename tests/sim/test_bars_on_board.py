"""A model with error bars on the virtual Uno: every answer and every LED, and what the third state
of the LEDs takes of the chip.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from family_models import street_model
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.codegen.emit import emit_project
from tinygen.commands.stream import stream_rows
from tinygen.common.boards import BOARDS
from tinygen.common.progress import silent
from tinygen.model.confidence.error_bars import ErrorBars
from tinygen.model.fixedpoint import MISSING

UNO = BOARDS["uno"]
PLAIN = street_model("ridge", "regression")
MODEL = replace(PLAIN, bars=ErrorBars.of(90, [120] * 9))
MOST_FLASH = 20  # bytes


@pytest.fixture(scope="module")
def elves(firmware_elf, tmp_path_factory):
    """The firmware without bars, and with them."""
    made = tmp_path_factory.mktemp("bars")
    projects = (emit_project(m, made / str(k), [UNO]) for k, m in enumerate((PLAIN, MODEL)))
    return [firmware_elf(project, UNO) for project in projects]


def test_the_board_has_dark_leds_where_it_is_unsure(elves):
    rows = MODEL.sample_rows(300, 2)
    rows[9::50, 0] = MISSING
    found = stream_rows(MODEL, rows, avr_url("uno", elves[1]), UNO, silent)
    unsure = MODEL.unsure(MODEL.answer(rows)[(rows != MISSING).all(axis=1)]).sum()
    assert found.good and found.pins_right and found.verdict.unsure == unsure > 10
    assert f"{unsure} rows whose bar leaves the alarm open (LEDs dark)" in found.text()
    one = replace(found, verdict=replace(found.verdict, unsure=1))
    assert "1 row whose bar leaves the alarm open" in one.text()
    assert found.plain()["unsure"] == unsure


def test_a_board_without_bars_is_seen(elves):
    """Negative control: the same answers, the LEDs of a model without."""
    rows = MODEL.sample_rows(60, 2)
    with pytest.raises(Exception, match="model"):
        stream_rows(MODEL, rows, avr_url("uno", elves[0]), UNO, silent)


def test_it_takes_few_bytes(elves):
    sizes = []
    for path in elves:
        with Path(path).open("rb") as file:
            elf = ELFFile(file)
            names = (".text", ".data", ".bss")
            sizes.append([elf.get_section_by_name(name)["sh_size"] for name in names])
    flash, *ram = np.subtract(sizes[1], sizes[0]).tolist()
    assert 0 < flash <= MOST_FLASH and ram == [0, 0]
