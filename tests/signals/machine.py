"""Recordings of a machine that a seed makes: a CSV file each, the class in its name."""

from pathlib import Path

import numpy as np

RATE = 50
CLASSES = {"still": (0.0, 5.0), "turning": (1.0, 5.0), "shaking": (1.0, 12.0)}  # g, Hz


def write_recordings(folder: Path, each: int = 6, seconds: float = 12.0, seed: int = 0) -> Path:
    """`each` recordings of every class, x and y in g."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for name, (size, hertz) in CLASSES.items():
        for k in range(1, each + 1):
            time = np.arange(round(seconds * RATE)) / RATE
            phase, gain = rng.uniform(0, 6.28), rng.uniform(0.8, 1.2)
            x = gain * size * np.sin(2 * np.pi * hertz * time + phase)
            y = 1.0 + 0.3 * x + 0.05 * rng.standard_normal(len(time))
            x = x + 0.05 * rng.standard_normal(len(time))
            rows = [f"{a:.2f},{b:.2f},{c:.2f}" for a, b, c in zip(time, x, y)]
            text = "\n".join(["t [s],x [g],y [g]", *rows])
            (folder / f"{name}-{k:02}.csv").write_text(text + "\n")
    return folder
