"""A simulated electric motor with an accelerometer on its housing, for machines without a board.

    simulate("unbalanced", seconds, rate_hz, seed) -> float64 (n, 3): x, y, z in g

A physical model with invented but plausible parameters, not fitted to anyone's motor; no figure
obtained on it says anything about a real one.

Rotation.  About 24 turns a second, another speed in each recording, wandering by a per cent with a
    memory of seconds.
Force.     What is out of balance turns with the shaft: a sine of the turning frequency across the
    shaft (x, and a quarter turn later y), small along it (z). Misalignment adds the second
    harmonic, bearings a hiss around a resonance of the housing.
Mounting.  Gravity, tilted by a few degrees in each recording.
Sensor.    White noise, as of an ADXL335 in 50 Hz of bandwidth.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

STATES = ("normal", "unbalanced", "off")
CHANNELS = 3
SPEED_HZ, SPEED_SPREAD, WANDER, WANDER_SECONDS = 24.0, 1.5, 0.01, 3.0
UNBALANCE_G = {"normal": 0.05, "unbalanced": 0.35, "off": 0.0}  # amplitude at the turning frequency
SECOND_G = {"normal": 0.03, "unbalanced": 0.06, "off": 0.0}
HISS_G = {"normal": 0.03, "unbalanced": 0.04, "off": 0.0}
RESONANCE_HZ, HISS_SECONDS = 180.0, 0.01
AXES = np.array([1.0, 0.8, 0.2])  # share of a force across the shaft that each axis sees
NOISE_G = 0.006
TILT_DEGREES = 4.0


def simulate(state: str, seconds: float, rate_hz: float, seed: int = 0) -> np.ndarray:
    """Accelerations in g, float64 (n, 3), n = seconds * rate_hz rounded; the same for the same
    arguments.
    """
    rng = np.random.default_rng([seed, STATES.index(state)])
    n = max(1, round(seconds * rate_hz))
    turns = np.cumsum(_speed(rng, n, rate_hz)) / rate_hz
    phase = 2 * np.pi * (turns + rng.random())
    size = 1 + 0.15 * rng.standard_normal()
    first = UNBALANCE_G[state] * size * np.sin(phase[:, None] - [0.0, np.pi / 2, 0.3])
    second = SECOND_G[state] * np.sin(2 * phase[:, None] + 2 * np.pi * rng.random(CHANNELS))
    hiss = HISS_G[state] * _hiss(rng, n, rate_hz)
    noise = NOISE_G * rng.standard_normal((n, CHANNELS))
    return _gravity(rng) + (first + second) * AXES + hiss + noise


def _speed(rng: np.random.Generator, n: int, rate_hz: float) -> np.ndarray:
    """(n,) turns a second."""
    keep = np.exp(-1 / (WANDER_SECONDS * rate_hz))
    wander = lfilter([np.sqrt(1 - keep**2)], [1, -keep], rng.standard_normal(n))
    mean = SPEED_HZ + SPEED_SPREAD * (2 * rng.random() - 1)
    return np.asarray(mean * (1 + WANDER * wander))


def _hiss(rng: np.random.Generator, n: int, rate_hz: float) -> np.ndarray:
    """(n, 3) noise around the resonance, as a sampler without a filter sees it: unit variance."""
    turn = np.exp(2j * np.pi * RESONANCE_HZ / rate_hz)
    keep = np.exp(-1 / (HISS_SECONDS * rate_hz))
    white = rng.standard_normal((n, CHANNELS)) + 1j * rng.standard_normal((n, CHANNELS))
    ring = lfilter([np.sqrt(1 - keep**2)], [1, -keep * turn], white, axis=0)
    return np.asarray(ring.real)


def _gravity(rng: np.random.Generator) -> np.ndarray:
    """(3,) g, nearly along z."""
    x, y = np.radians(TILT_DEGREES) * rng.standard_normal(2)
    return np.array([np.sin(x), np.sin(y), np.sqrt(max(0.0, 1 - np.sin(x) ** 2 - np.sin(y) ** 2))])
