"""Every feature that a search may choose, over real recordings: twin, C on the host and on the chip
give the same features, windows and decisions.

fan_accelerometer.csv: G. Scalabrini Sampaio and others, Sensors 2019 (UCI data set 846, CC BY 4.0);
basic_motions.csv: the UEA archive's BasicMotions. Neither is part of the repository.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from signal_host import compile_signals, of_host, of_twin
from signal_models import small_fronts, window_model
from test_signal_chip import RAM_BYTES, wrong_on_chip

from tinygen.data.recordings import RecordingRequest, load_recordings, window_spec
from tinygen.model.fixedpoint import MISSING
from tinygen.model.signals import SignalModel
from tinygen.search.signals.pool import candidate_front

DATA = Path(os.environ.get("TINYGEN_DATA", ""))
FAN = {"target": "Sensor Configuration", "group": "Rotation Speed Percentage", "rate_hz": 50.0}
MOTIONS = {"target": "activity", "recording": "recording", "test": "part=test"}
SETS = {  # file, columns, window
    "fan": ("fan_accelerometer.csv", FAN, "1s"),
    "motions": ("basic_motions.csv", MOTIONS, "2s"),
}


def model_and_samples(name: str) -> tuple[SignalModel, np.ndarray]:
    """A model that reads all features, and the recordings one after the other."""
    file, columns, window = SETS[name]
    if not (DATA / file).is_file():
        pytest.skip(f"no {file}: set TINYGEN_DATA to its folder")
    found = load_recordings(RecordingRequest((DATA / file,), **columns))
    front = candidate_front(found.channels, found.rate_hz, window_spec(window, "", found.rate_hz))
    rows = np.concatenate([w.features for w in front.run([r.raw for r in found.recordings])])
    made = window_model("real_window", front, rows, len(found.labels))
    lost = np.full((1, len(found.channels)), MISSING)
    samples = np.concatenate([part for r in found.recordings for part in (lost, r.raw)])
    return SignalModel("real", found.channels, found.rate_hz, front, made, 3), samples


@pytest.mark.parametrize("name", SETS)
def test_host_c_equals_the_twin(name, tmp_path, level, figures):
    if level != "release" and name == "fan":
        pytest.skip("--level release: the larger set")
    model, samples = model_and_samples(name)
    twin = of_twin(model, samples)
    assert len(set(twin.results.tolist())) == 1 + len(model.labels)
    assert not of_host(compile_signals(model, tmp_path), model, samples).differences(twin)
    features = len(model.front.features)
    figures(
        f"signals, {name}",
        f"{len(samples):,} samples, {len(twin.ends):,} windows of {features} features as the twin",
    )


@pytest.mark.parametrize("name", SETS)
def test_the_uno_equals_the_twin(name, simavr, level, figures):
    """The features in parts that fit its memory."""
    if level != "release":
        pytest.skip("--level release: every sample through the simulated chip")
    model, samples = model_and_samples(name)
    fronts = small_fronts(model.front, RAM_BYTES)
    for k, front in enumerate(fronts):
        (windows,) = front.run([samples])
        made = window_model(f"real{k}_window", front, windows.features, len(model.labels), k)
        some = SignalModel(f"real{k}", model.channels, model.rate_hz, front, made, 3)
        assert not wrong_on_chip(some, samples), k
    told = f"{len(samples):,} samples through {len(fronts)} programs as the twin"
    figures(f"signals, {name} on the Uno", told)
