"""Small files of recordings, and what was said about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinygen.common.errors import TinygenError
from tinygen.data.recordings import RecordingRequest, load_recordings


def shaking(seed: int, samples: int = 120, channels: int = 2) -> np.ndarray:
    """Noise in two decimals, float (samples, channels)."""
    return np.random.default_rng(seed).normal(0, 1, (samples, channels)).round(2)


def write(path: Path, columns: dict[str, object]) -> Path:
    """A CSV file with these columns; a single value stands in every row."""
    rows = max(len(v) for v in columns.values() if not isinstance(v, str))
    whole = [[v] * rows if isinstance(v, str) else list(v) for v in columns.values()]
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(map(str, row)) for row in zip(*whole)]
    path.write_text("\n".join([",".join(columns), *lines]) + "\n")
    return path


def times(samples: int, rate: float, start: float = 0.0) -> list[float]:
    return [round(start + k / rate, 6) for k in range(samples)]


def recording(path: Path, seed: int, samples: int = 120, rate: float = 50, **more) -> Path:
    """One recording with its times, two axes, and whatever `more` columns."""
    x, y = shaking(seed, samples).T
    return write(path, {"t [s]": times(samples, rate), "ax": x, "ay": y, **more})


def motions(folder: Path, each: int = 3, **more) -> Path:
    """A folder with `each` recordings of two classes."""
    for c, label in enumerate(("rest", "walk")):
        for k in range(each):
            recording(folder / f"{label}-{k + 1:02}.csv", 10 * c + k, **more)
    return folder


def said(*source: Path, **asked) -> str:
    """The one line with which the recordings are refused."""
    with pytest.raises(TinygenError) as caught:
        load_recordings(RecordingRequest(source[0] if len(source) == 1 else source, **asked))
    message = str(caught.value)
    assert "\n" not in message
    return message
