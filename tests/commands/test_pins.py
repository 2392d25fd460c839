"""LEDs at other pins: what a board has, what is refused, and the pins of the simulated chip."""

from dataclasses import replace

import numpy as np
import pytest
from family_models import street_model
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.codegen.emit import emit_project
from tinygen.commands.build import pins_in_words
from tinygen.commands.emit import emit
from tinygen.commands.export import export
from tinygen.commands.stream import stream_rows
from tinygen.common.boards import BOARDS, with_pins
from tinygen.common.errors import UsageError
from tinygen.common.progress import silent

UNO, MICRO = BOARDS["uno"], BOARDS["sparkfun_promicro16"]


def test_a_board_takes_its_leds_elsewhere():
    moved = with_pins(UNO, {"red": 7, "green": 14})
    assert (moved.led_ports[:2], moved.leds["third"]) == (("PD7", "PC0"), 11)
    assert with_pins(UNO, {}) == UNO and UNO.free_pins == tuple(range(2, 20))
    assert with_pins(UNO, {"red": 13, "green": 12}).led_ports[:2] == ("PB5", "PB4")


def test_a_led_that_nothing_lights_makes_room():
    """The third LED's usual pin may be taken where no class needs it, and only there."""
    moved = with_pins(UNO, {"red": 11})
    assert moved.leds == {"red": 11, "green": 13, "third": 12, "fourth": 10}
    with pytest.raises(UsageError, match="the red and the third LED are both at pin 11"):
        with_pins(UNO, {"red": 11}, leds=3)


@pytest.mark.parametrize(
    "board, pins, said",
    [
        ("uno", {"red": 1}, "pin 1 of the Arduino Uno, which carries the rows: use one of 2 .. 19"),
        ("uno", {"green": 20}, "pin 20 of the Arduino Uno, which is none that it leads out"),
        ("uno", {"red": 13}, "the red and the green LED are both at pin 13 of the Arduino Uno"),
        ("uno", {"third": 12}, "the red and the third LED are both at pin 12"),
        ("megaatmega2560", {"red": 70}, "use one of 2 .. 69"),
        ("leonardo", {"red": 24}, "use one of 0 .. 23"),
        ("sparkfun_promicro16", {"red": 12}, "use one of 0 .. 10, 14 .. 16, 18 .. 21"),
        ("attiny85", {"red": 5}, "use one of 0 .. 4"),
    ],
)
def test_a_pin_that_cannot_be_is_named_with_those_that_can(board, pins, said):
    with pytest.raises(UsageError, match=said) as refused:
        with_pins(BOARDS[board], pins)
    assert "\n" not in str(refused.value)


def test_every_board_keeps_its_leds_among_its_pins():
    for board in BOARDS.values():
        assert set(board.leds.values()) <= set(board.free_pins)
        assert len(set(board.led_ports)) == 4


def test_the_pins_are_said_where_they_were_chosen():
    moved = with_pins(UNO, {"red": 7})
    assert pins_in_words(moved, 2) == "red at pin 7, green at pin 13"
    assert pins_in_words(moved, 3).endswith("third at pin 11")


def test_what_is_emitted_has_the_pins(tmp_path):
    street_model("ridge", "regression").save(tmp_path / "m.json")
    emit(tmp_path / "m.json", tmp_path / "lib", board="uno", pins={"red": 7})
    sketch = next((tmp_path / "lib").rglob("*_analog.ino")).read_text()
    assert "#define TINYGEN_RED_PIN 7\n" in sketch and "#define TINYGEN_GREEN_PIN 13\n" in sketch
    export(tmp_path / "m.json", "firmware", tmp_path / "p", board="uno", pins={"green": 8})
    text = (tmp_path / "p" / "platformio.ini").read_text()
    assert "-DTINYGEN_GREEN_PIN=8\n" in text and "[env:megaatmega2560]" not in text
    with pytest.raises(UsageError, match="name it with --board"):
        emit(tmp_path / "m.json", tmp_path / "q", pins={"red": 7})
    with pytest.raises(UsageError, match="'attiny85' has no serial port"):
        export(tmp_path / "m.json", "firmware", tmp_path / "q", board="attiny85")
    assert not (tmp_path / "q").exists()


def test_a_wrong_pin_in_the_file_is_one_line(here, run):
    (here / "tinygen.toml").write_text("[pins]\nred = 1\n")
    street_model("ridge", "regression").save(here / "m.json")
    told = run("build m.json -o firmware")
    assert told.code == 2 and "red LED cannot be at pin 1" in told.err
    assert not (here / "firmware").exists()
    (here / "tinygen.toml").write_text("[pins]\nred = -1\n")
    assert "pins.red is -1: expected" in run("build m.json -o firmware").err
    (here / "tinygen.toml").write_text("[pins]\nyellow = 3\n")
    assert "there is no field 'pins.yellow'" in run("build m.json -o firmware").err


def test_the_chip_lights_those_pins(firmware_elf, tmp_path):
    """On the simulated Uno the LEDs are where they were put; who looks elsewhere sees no LED."""
    model = street_model("ridge", "regression")
    assert model.band
    moved = with_pins(UNO, {"red": 7, "green": 14})
    project = emit_project(model, tmp_path, [moved])
    url = avr_url("uno", firmware_elf(project, moved))
    rows = np.vstack([model.sample_rows(60), model.sample_rows(60)[::-1]])
    told = stream_rows(model, rows, url, moved, silent)
    assert told.good and told.pins_right and 0 < told.verdict.red < len(rows)
    wrong = stream_rows(model, rows, url, replace(moved, red_pin=12), silent)
    assert wrong.pins_right is False and not wrong.good
