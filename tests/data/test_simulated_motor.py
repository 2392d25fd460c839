"""The simulated motor: the same for the same seed, and its states can be told apart."""

import numpy as np
import pytest

from tinygen.commands._played import from_machine
from tinygen.common.boards import BOARDS
from tinygen.common.errors import UsageError
from tinygen.common.sensors import find_channels
from tinygen.data.simulated.motor import STATES, simulate

UNO = BOARDS["uno"]


@pytest.mark.parametrize("state", STATES)
def test_the_same_seed_gives_the_same_motor(state):
    once, again, other = (simulate(state, 2, 200, seed) for seed in (3, 3, 4))
    assert once.shape == (400, 3) and (once == again).all() and (once != other).any()


def test_the_states_differ_in_how_they_shake():
    shake = {s: [simulate(s, 4, 200, k).std(axis=0)[:2].mean() for k in range(8)] for s in STATES}
    assert max(shake["off"]) < min(shake["normal"]) and max(shake["normal"]) < min(
        shake["unbalanced"]
    )


def test_an_unbalanced_motor_shakes_at_its_turning_frequency():
    force = simulate("unbalanced", 8, 200, 1)[:, 0]
    spectrum = np.abs(np.fft.rfft(force - force.mean()))
    assert 22 < np.fft.rfftfreq(len(force), 1 / 200)[spectrum.argmax()] < 26


def test_channels_measure_gravity_in_their_own_steps():
    rows = {
        names: from_machine("motor:off", find_channels(names, UNO), 100, 1, 2).rows
        for names in ("A0,A1,A2", "mpu6050", "adxl345")
    }
    means = {names: np.mean(values, axis=0) for names, values in rows.items()}
    assert means["A0,A1,A2"][2] == pytest.approx(338 + 67.6, abs=2)
    assert means["mpu6050"][2] == pytest.approx(16384, rel=0.02)
    assert means["adxl345"][2] == pytest.approx(256, rel=0.02)
    assert {len(values[0]) for values in rows.values()} == {3, 6}
    with pytest.raises(UsageError, match="4 channels are too many"):
        from_machine("motor:off", find_channels("A0,A1,A2,A3", UNO), 100, 1, 2)
