"""Rows of a heating: its power follows the outside temperature, a mode in words, a zone by code and
the hour of the day.
"""

from datetime import datetime, timedelta

import numpy as np

MODES = {"eco": -150, "normal": 0, "boost": 300}
ZONES = {3: 0, 7: 120, 12: -60}
HEADER = "when,temp [degC],mode,zone,power [W]"
START = datetime(2026, 1, 1, 0, 30)  # a Thursday
HOURS = 7  # from row to row: all hours of all weekdays come


def heating(rows: int = 400, seed: int = 15, change=lambda i, cells: cells) -> str:
    """A CSV text; `change` may alter the cells of row i."""
    rng, lines = np.random.default_rng(seed), [HEADER]
    for i in range(rows):
        when = START + timedelta(hours=HOURS * i)
        temp = rng.uniform(-5, 20)
        mode, zone = rng.choice([*MODES]), int(rng.choice([*ZONES]))
        power = 600 - 20 * temp + MODES[mode] + ZONES[zone] + 8 * when.hour + rng.normal(0, 5)
        cells = [f"{when:%Y-%m-%d %H:%M}", f"{temp:.1f}", mode, str(zone), f"{power:.0f}"]
        lines.append(",".join(change(i, cells)))
    return "\n".join(lines) + "\n"


def with_strangers(i: int, cells: list[str]) -> list[str]:
    """Rows with labels that nobody knows, without a label, without a time."""
    when, temp, mode, zone, power = cells
    if i % 9 == 1:
        mode = ("holiday", "", "ECO", "7")[i // 9 % 4]
    if i % 9 == 4:
        zone = ("5", "", "7.5", "attic")[i // 9 % 4]
    if i % 9 == 7:
        when = ""
    return [when, temp, mode, zone, power]
