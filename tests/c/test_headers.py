"""Generated headers compile without a warning as C99 and C++11 and answer what the twin answers."""

import dataclasses

import pytest
from host_c import LANGUAGES, compile_header, run_rows
from random_models import random_models

MODELS = random_models()
ROWS = 100_000


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", MODELS)
def test_host_c_equals_the_twin_on_every_row(name, language, tmp_path):
    model = MODELS[name]
    rows = model.sample_rows(ROWS)
    assert (run_rows(compile_header(model, tmp_path, language), rows) == model.predict(rows)).all()


def test_one_coefficient_changed_by_one_is_seen(tmp_path):
    model = MODELS["mlp"]
    output = model.nodes[2]
    weights = ((output.weights[0][0] + 1, *output.weights[0][1:]),)
    changed = dataclasses.replace(
        model,
        nodes=(*model.nodes[:2], dataclasses.replace(output, weights=weights), model.nodes[3]),
    )
    rows = model.sample_rows(ROWS)
    assert (run_rows(compile_header(changed, tmp_path), rows) != model.predict(rows)).any()
