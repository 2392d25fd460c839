"""Rows of a camera head: two servos, pan and tilt, follow what three light sensors see."""

import numpy as np

HEADER = "left,right,top,temp [degC],pan [deg],tilt [deg]"


def servo(rows: int = 240, seed: int = 21) -> str:
    """A CSV text: pan follows the difference of the sides, tilt bends over the top sensor."""
    rng, lines = np.random.default_rng(seed), [HEADER]
    for _ in range(rows):
        left, right, top = rng.integers(100, 900, 3)
        temp = rng.uniform(10, 30)
        pan = 90 + 0.08 * (right - left) + rng.normal(0, 1)
        tilt = 30 + 80 * (top / 900) ** 2 + 0.4 * (temp - 20) + rng.normal(0, 1)
        lines.append(f"{left},{right},{top},{temp:.1f},{pan:.1f},{tilt:.1f}")
    return "\n".join(lines) + "\n"
