"""Charge and battery life of a chip that sleeps between readings: an estimate from the cycles that
it is awake and from the typical currents in its data sheet.

The chip alone is counted: no sensor, no LED, no regulator, no USB bridge. A bare Arduino board
draws some 10 to 50 mA on top, whatever its chip does.
"""

from __future__ import annotations

from dataclasses import dataclass

# of one analog reading: 13 cycles of the converter, which runs at a 128th of the clock, and what
# the sketch does to bring it into the accepted range (a 32-bit division)
READING_CYCLES = 13 * 128 + 1_000
FIRST_READING_CYCLES = 12 * 128  # that the first one takes on top, after the converter was off
START_UP_CYCLES = 16_384  # of a crystal after power-down, before the program goes on
CAPACITY_MAH = 2_000.0  # of AA cells


@dataclass(frozen=True)
class Currents:
    """Typical supply currents at 25 degC, without what the program may switch off."""

    source: str  # data sheet and table
    # mA at 4 MHz and 3 V, and at 8 MHz and 5 V
    active_ma: tuple[float, float]
    idle_ma: tuple[float, float]
    power_down_ua: float  # at 3 V, with the watchdog on

    def charge_nc(self, volts: float) -> float:
        """Charge of one cycle in nC: a line through the two points of the data sheet."""
        return _between(self.active_ma, volts)

    def idle_nc(self, volts: float) -> float:
        """The same while the chip idles."""
        return _between(self.idle_ma, volts)


# typical values; maxima are about twice as high
CURRENTS = {
    "atmega328p": Currents(
        "ATmega48A/88A/168A/328P data sheet, Microchip DS40002061, DC characteristics of the 328P",
        (1.7, 5.2),
        (0.3, 1.2),
        4.2,
    ),
    "atmega2560": Currents(
        "ATmega640/1280/1281/2560/2561 data sheet, Atmel 2549, DC characteristics",
        (3.2, 10.0),
        (0.7, 2.7),
        5.0,
    ),
}


@dataclass(frozen=True)
class Supply:
    volts: float
    f_cpu_hz: int

    @property
    def words(self) -> str:
        return f"{self.volts:g} V, {self.f_cpu_hz / 1e6:g} MHz"


SUPPLIES = (Supply(5.0, 16_000_000), Supply(3.3, 8_000_000))


@dataclass(frozen=True)
class Battery:
    """What a decision every so many seconds takes, an estimate."""

    supply: Supply
    every_s: float
    awake_s: float  # of a decision
    charge_uc: float  # of a decision while awake
    mean_ua: float  # sleep included

    @property
    def duty(self) -> float:
        """Part of the time that the chip is awake."""
        return self.awake_s / self.every_s

    @property
    def days(self) -> float:
        """Until CAPACITY_MAH are used up."""
        return 1000 * CAPACITY_MAH / self.mean_ua / 24


def awake_cycles(cycles: int, inputs: int) -> int:
    """Cycles of a decision: start-up, one analog reading an input, and the model's `cycles`."""
    reading = FIRST_READING_CYCLES + inputs * READING_CYCLES if inputs else 0
    return START_UP_CYCLES + reading + cycles


def battery(mcu: str, awake: int, every_s: float, supply: Supply) -> Battery:
    """The estimate for a chip of CURRENTS that is awake for so many cycles now and then."""
    currents = CURRENTS[mcu]
    charge = awake * currents.charge_nc(supply.volts) / 1000
    return Battery(
        supply,
        every_s,
        awake / supply.f_cpu_hz,
        charge,
        charge / every_s + currents.power_down_ua,
    )


def sampling_ma(mcu: str, load: float, supply: Supply) -> float:
    """Mean mA of a chip of CURRENTS that idles between samples, its timers and converter running:
    `load` is the part of the time that it computes.
    """
    currents = CURRENTS[mcu]
    nc = load * currents.charge_nc(supply.volts) + (1 - load) * currents.idle_nc(supply.volts)
    return nc * supply.f_cpu_hz / 1e6


def _between(milliamperes: tuple[float, float], volts: float) -> float:
    """nC of a cycle: mA at 4 MHz and 3 V, and at 8 MHz and 5 V, each by its clock."""
    low, high = milliamperes[0] / 4, milliamperes[1] / 8
    return low + (high - low) * (volts - 3) / 2
