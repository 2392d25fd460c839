"""A model of signals as C on the host answers what the twin answers: features, windows, decisions,
bit for bit.
"""

import pytest
from signal_host import compile_signals, of_host, of_twin
from signal_models import OF_A_SOURCE, PLANS, recording, signal_models

from tinygen.model.signals import FEATURES, STREAMS


def test_every_kind_has_a_case():
    models = signal_models().values()
    assert set(OF_A_SOURCE) | {"magnitude"} == set(STREAMS)
    assert {s.kind for m in models for s in m.front.streams} == set(STREAMS)
    assert {f.kind for m in models for f in m.front.features} == set(FEATURES)


@pytest.mark.parametrize("name", PLANS)
def test_host_c_equals_the_twin_on_every_sample(name, tmp_path):
    model = signal_models()[name]
    samples = recording(model.front, 40, 5)
    twin = of_twin(model, samples)
    assert len(set(twin.results.tolist())) > 2
    language = "c++11" if name == "narrow" else "c99"
    program = compile_signals(model, tmp_path, language)
    assert not of_host(program, model, samples).differences(twin)
