"""Features of signals that were tried and left out: what they add to those that there are.

    TINYGEN_DATA=FOLDER python benchmarks/signal_trials.py [--json FILE] [--text FILE]

A forest of 100 trees in float is fitted in the folds of the training recordings: to all features of
the pool, to what was tried, and to both. What is told is the mean over the folds and over three
forests, and how far forests differ. No recording that tests is looked at.

Spectrum: the magnitudes of a real FFT of the last 2**k samples of a window with Hann's window, and
their centroid and greatest bin. Convolution: the kernels of MiniRocket (A. Dempster, D. Schmidt and
G. Webb, KDD 2021), nine taps of -1 and 2, dilated by 1, 2 and 4 samples; of each the part of a
window above 0, and the mean size. Files as in signals.py; about ten minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import os
from itertools import combinations
from pathlib import Path

import numpy as np
from signals import FAN, MOTIONS
from sklearn.ensemble import ExtraTreesClassifier

from tinygen.commands._recordings import RecordingSelection
from tinygen.common.arithmetic import pin
from tinygen.common.tables import table
from tinygen.search.signals.find import class_quantity
from tinygen.search.signals.pool import candidate_front
from tinygen.search.signals.window_rows import WindowRows, rows_of

TASKS = {
    "fan, 1 s": ("fan_accelerometer.csv", FAN, "1s"),
    "fan, 2 s": ("fan_accelerometer.csv", FAN, "2s"),
    "motions, 2 s": ("basic_motions.csv", MOTIONS, "2s"),
}
TAPS = 9
DILATIONS = (1, 2, 4)
SEEDS = 3


def spectrum(samples: np.ndarray, ends: np.ndarray, window: int) -> np.ndarray:
    """(windows, features) of one channel of a recording."""
    points = 1 << (window.bit_length() - 1)
    cut = np.lib.stride_tricks.sliding_window_view(samples, points)[ends + 1 - points]
    cut = (cut - cut.mean(axis=1, keepdims=True)) * np.hanning(points)
    found = np.abs(np.fft.rfft(cut))[:, 1:]
    power = found**2
    total = np.maximum(power.sum(axis=1), 1e-9)
    middle = (power * np.arange(power.shape[1])).sum(axis=1) / total
    return np.column_stack([found, middle, power.argmax(axis=1)])


def convolution(samples: np.ndarray, ends: np.ndarray, window: int) -> np.ndarray:
    """(windows, features) of one channel of a recording."""
    found = []
    for dilation in DILATIONS:
        lags = [np.maximum(np.arange(len(samples)) - k * dilation, 0) for k in range(TAPS)]
        past = samples[np.array(lags)]
        total = past.sum(axis=0)
        for twice in combinations(range(TAPS), 3):
            values = 3 * past[list(twice)].sum(axis=0) - total
            for each in (values > 0, np.abs(values)):
                sums = np.concatenate([[0], np.cumsum(each)])
                found.append((sums[ends + 1] - sums[ends + 1 - window]) / window)
    return np.stack(found, axis=1)


TRIED = {"spectrum": spectrum, "convolution": convolution}


def errors(rows: WindowRows, x: np.ndarray) -> tuple[float, float]:
    """(part of wrong windows of held-back recordings, its standard deviation over forests)."""
    y, found = rows.dataset.rows.y, []
    for seed in range(SEEDS):
        folds = []
        for fit, held in rows.dataset.split.cuts or ():
            forest = ExtraTreesClassifier(100, min_samples_leaf=2, random_state=seed)
            folds.append(1 - forest.fit(x[fit], y[fit]).score(x[held], y[held]))
        found.append(float(np.mean(folds)))
    return float(np.mean(found)), float(np.std(found))


def tried(name: str, folder: Path) -> list[dict]:
    """Errors on one task with each choice of features."""
    file, columns, window = TASKS[name]
    recordings, spec = RecordingSelection((folder / file,), window, **columns).load()
    front = candidate_front(recordings.channels, recordings.rate_hz, spec)
    rows = rows_of(recordings, front, class_quantity(recordings, columns["target"]), 0)
    pool, found = rows.dataset.rows.x, {}
    found["the pool"] = pool
    for what, features in TRIED.items():
        new = [
            np.column_stack([features(one.raw[:, c], windows.ends, spec.window)
                             for c in range(len(recordings.channels))])
            for one, windows in zip(recordings.recordings, rows.windows)
        ]  # fmt: skip
        found[what] = np.concatenate(new)
        found[f"the pool and {what}"] = np.column_stack([pool, found[what]])
    return [
        {"task": name, "features": what, "count": x.shape[1], "error": error, "deviation": spread}
        for what, x in found.items()
        for error, spread in (errors(rows, x),)
    ]


def text_of(rows: list[dict]) -> str:
    """The table."""
    headers = ["task", "features", "count", "error in folds", "+-"]
    lines = [
        [r["task"], r["features"], r["count"], f"{r['error']:.1%}", f"{r['deviation']:.1%}"]
        for r in rows
    ]
    return table(headers, lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--text", type=Path)
    options = parser.parse_args()
    folder = Path(os.environ.get("TINYGEN_DATA", ".")).expanduser()
    rows = [row for name in TASKS for row in tried(name, folder)]
    print(text_of(rows), end="")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if options.text:
        options.text.write_text(text_of(rows))


if __name__ == "__main__":
    pin()
    main()
