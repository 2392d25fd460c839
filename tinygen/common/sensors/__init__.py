"""What a board can record: its analog pins, and sensors on its I2C bus. One entry in SENSORS adds a
sensor.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from ..boards import Board
from ..errors import UsageError

CHANNELS_MAX = 16
FORMAT = 1  # of the recording firmware: another number where an old one must not be taken for it


@dataclass(frozen=True)
class Channel:
    """One column of a recording."""

    name: str
    unit: str = ""  # of a raw step; "" for a pin, whose step is 1/1024 of the supply
    pin: int = -1  # input of the converter

    @property
    def title(self) -> str:
        """The column's title in a CSV file."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


@dataclass(frozen=True)
class Sensor:
    """A sensor on the I2C bus, with its driver in firmware/sensors. The first channels are
    acceleration.
    """

    name: str  # "mpu6050": tinygen_mpu6050.h has mpu6050_begin and mpu6050_read
    title: str
    channels: tuple[Channel, ...]
    read_us: int  # most that reading one sample takes
    steps_per_g: int  # of its acceleration
    limit: int  # largest raw value of any channel, and its negative the lowest


SENSORS = {
    sensor.name: sensor
    for sensor in (
        Sensor(
            "adxl345",
            "ADXL345",
            tuple(Channel(name, "1/256 g") for name in ("ax", "ay", "az")),
            read_us=600,
            steps_per_g=256,
            limit=4095,
        ),
        Sensor(
            "mpu6050",
            "MPU-6050",
            tuple(
                Channel(name, unit)
                for names, unit in (("ax ay az", "1/16384 g"), ("gx gy gz", "1/131 deg/s"))
                for name in names.split()
            ),
            read_us=1000,
            steps_per_g=16384,
            limit=32767,
        ),
    )
}


@dataclass(frozen=True)
class ChannelSet:
    """The channels of a recording, in order: pins, or those of one sensor.

    It stands for a model where a link asks which program a board runs.
    """

    channels: tuple[Channel, ...]
    sensor: Sensor | None = None
    name = "recorder"
    values_per_row = 1
    remembers = False

    @property
    def inputs(self) -> tuple[Channel, ...]:
        return self.channels

    @property
    def model_id(self) -> int:
        """Which firmware records these channels, 32 bits."""
        names = ",".join(channel.name for channel in self.channels)
        chip = self.sensor.name if self.sensor else "pins"
        return zlib.crc32(f"recorder {FORMAT} {chip} {names}".encode("ascii"))


def find_channels(names: str, board: Board) -> ChannelSet:
    """The channels named "A0,A1" or "mpu6050"; UsageError for a pin that the board lacks."""
    if not board.analog_pins:
        raise UsageError(f"the {board.title} cannot record: choose another --board")
    words = [word.strip() for word in names.split(",")]
    if len(words) == 1 and words[0].lower() in SENSORS:
        sensor = SENSORS[words[0].lower()]
        return ChannelSet(sensor.channels, sensor)
    known = {f"A{k}": k for k in range(board.analog_pins)}
    for word in words:
        if word.lower() in SENSORS:
            raise UsageError(
                f"channel '{word}' is a sensor: record it alone, without other channels"
            )
        if word.upper() not in known:
            raise UsageError(_no_channel(word, board))
        if [w.upper() for w in words].count(word.upper()) > 1:
            raise UsageError(f"channel '{word}' is named twice: once is enough")
    if len(words) > CHANNELS_MAX:
        raise UsageError(f"{len(words)} channels: at most {CHANNELS_MAX}")
    return ChannelSet(tuple(Channel(w.upper(), pin=known[w.upper()]) for w in words))


def _no_channel(word: str, board: Board) -> str:
    sensors = "".join(f" or {name}" for name in SENSORS)
    if not board.analog_pins:
        return f"the {board.title} has no pins to record from: choose another --board"
    return f"the {board.title} has no channel '{word}': use A0 .. A{board.analog_pins - 1}{sensors}"
