"""Simulated sensors for the I2C bus: registers as in their datasheets.

They sleep after power-on, as the real ones: then their values are 0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

Feed = Callable[[int], Sequence[int]]  # cycle -> raw values of all channels, in the finest range


class Registers:
    """A device that is a list of registers. `feed` tells what it measures; a burst that begins at
    `values` reads all of them as of one moment.
    """

    address: int
    values: int  # register of the first value
    identity: tuple[int, int]  # register and content that tell what it is

    def __init__(self, feed: Feed | None = None) -> None:
        self.feed = feed
        self.cycles: list[int] = []  # at which its values were asked for
        self.registers = bytearray(128)
        self.registers[self.identity[0]] = self.identity[1]
        self._at = 0
        self._addressed = False  # the next byte is a register's number

    def begin(self, reading: bool, cycle: int) -> bool:
        """It is addressed, and answers."""
        self._addressed = not reading
        if reading and self._at == self.values:
            self.cycles.append(cycle)
            values = list(self.feed(cycle)) if self.feed and self.awake else []
            packed = self.packed([int(value) for value in values])
            self.registers[self.values : self.values + len(packed)] = packed
        return True

    def take(self, octet: int) -> bool:
        """A register's number, then what is written there and behind."""
        if self._addressed:
            self._at, self._addressed = octet & 0x7F, False
        elif self._at != self.identity[0]:
            self.registers[self._at] = octet
            self._at = (self._at + 1) & 0x7F
        return True

    def give(self) -> int:
        """The register that it is at, and on to the next."""
        octet = self.registers[self._at]
        self._at = (self._at + 1) & 0x7F
        return octet

    @property
    def awake(self) -> bool:
        """True if it measures."""
        raise NotImplementedError

    def packed(self, values: list[int]) -> bytes:
        """The registers of the values; of none while it sleeps."""
        raise NotImplementedError


class Mpu6050(Registers):
    """MPU-6050: acceleration, temperature, turning rate (RM-MPU-6000A, revision 4.2)."""

    address, values, identity = 0x68, 0x3B, (0x75, 0x68)
    GYRO_RANGE, ACCELERATION_RANGE, POWER, SLEEP = 0x1B, 0x1C, 0x6B, 1 << 6
    TEMPERATURE = 0x0D00  # some 46 degC

    def __init__(self, feed: Feed | None = None) -> None:
        super().__init__(feed)
        self.registers[self.POWER] = self.SLEEP

    @property
    def awake(self) -> bool:
        return not self.registers[self.POWER] & self.SLEEP

    def packed(self, values: list[int]) -> bytes:
        coarse = [self.registers[r] >> 3 & 3 for r in (self.ACCELERATION_RANGE, self.GYRO_RANGE)]
        ranged = [value >> coarse[k // 3] for k, value in enumerate(values or [0] * 6)]
        return struct.pack(">7h", *ranged[:3], self.TEMPERATURE, *ranged[3:])


class Adxl345(Registers):
    """ADXL345: acceleration (datasheet, revision G). Without full resolution: 10 bits."""

    address, values, identity = 0x53, 0x32, (0x00, 0xE5)
    POWER, MEASURE, FORMAT, FULL = 0x2D, 1 << 3, 0x31, 1 << 3

    @property
    def awake(self) -> bool:
        return bool(self.registers[self.POWER] & self.MEASURE)

    def packed(self, values: list[int]) -> bytes:
        control = self.registers[self.FORMAT]
        coarse = 0 if control & self.FULL else control & 3
        most = 512 << (control & 3) >> coarse
        return struct.pack(
            "<3h", *(min(max(v >> coarse, -most), most - 1) for v in values or [0] * 3)
        )


DEVICES: dict[str, type[Registers]] = {"adxl345": Adxl345, "mpu6050": Mpu6050}
