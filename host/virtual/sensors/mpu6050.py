"""A simulated MPU-6050: acceleration and turning rate on the I2C bus (RM-MPU-6000A, revision 4.2).

It sleeps after power-on, as the real one: then its values are 0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

VALUES, POWER, WHO = 0x3B, 0x6B, 0x75
GYRO_RANGE, ACCELERATION_RANGE = 0x1B, 0x1C
SLEEP, RANGE_BIT, RANGE_MASK = 1 << 6, 3, 3
TEMPERATURE = 0x0D00  # some 46 degC

Feed = Callable[[int], Sequence[int]]  # cycle -> ax, ay, az, gx, gy, gz in the finest range


class Mpu6050:
    """The device. `feed` tells what it measures; `answers` False takes it off the bus."""

    def __init__(self, address: int = 0x68, feed: Feed | None = None) -> None:
        self.address, self.feed, self.answers = address, feed, True
        self.cycles: list[int] = []  # at which its values were asked for
        self._registers = bytearray(128)
        self._registers[WHO], self._registers[POWER] = 0x68, SLEEP
        self._at = 0
        self._addressed = False  # the next byte is a register's number

    def begin(self, reading: bool, cycle: int) -> bool:
        """A burst read of the values takes all of them at one moment."""
        self._addressed = not reading
        if reading and self._at == VALUES:
            self.cycles.append(cycle)
            self._measure(cycle)
        return self.answers

    def take(self, octet: int) -> bool:
        """A register's number, then what is written there and behind."""
        if self._addressed:
            self._at, self._addressed = octet & 0x7F, False
        elif self._at != WHO:
            self._registers[self._at] = octet
            self._at = (self._at + 1) & 0x7F
        return self.answers

    def give(self) -> int:
        """The register that it is at, and on to the next."""
        octet = self._registers[self._at]
        self._at = (self._at + 1) & 0x7F
        return octet

    def _measure(self, cycle: int) -> None:
        values = [0] * 6
        if self.feed and not self._registers[POWER] & SLEEP:
            values = [int(value) for value in self.feed(cycle)]
        ranges = [
            self._registers[r] >> RANGE_BIT & RANGE_MASK for r in (ACCELERATION_RANGE, GYRO_RANGE)
        ]
        fine = [v >> ranges[k // 3] for k, v in enumerate(values)]
        packed = struct.pack(">7h", *fine[:3], TEMPERATURE, *fine[3:])
        self._registers[VALUES : VALUES + len(packed)] = packed
