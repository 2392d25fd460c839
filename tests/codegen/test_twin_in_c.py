"""The twin and the C of this computer give the same answers: every chain in one program; and what
cannot be a chain is refused.
"""

from dataclasses import replace

import pytest
from many_headers import answers_in_c
from random_models import random_models

from tinygen.common.errors import ModelError
from tinygen.model.operations.forest import Forest

ROWS = 300


def test_every_chain_answers_in_c_as_in_python(level, tmp_path):
    if level == "commit":
        pytest.skip("each chain by itself is in tests/c; all in one program: --level release")
    models = list(random_models().values())
    rows = [model.sample_rows(ROWS, 4) for model in models]
    for model, some, found in zip(models, rows, answers_in_c(models, rows, tmp_path)):
        assert (found == model.predict(some)).all(), model.name


@pytest.mark.parametrize("place", [3, -1])
def test_a_split_looks_at_an_input_that_is_there(place):
    model = random_models()["stump"]
    node = model.nodes[0]
    other = replace(node, splits=((place - 2 if place > 0 else place, *node.splits[0][1:]),))
    assert isinstance(node, Forest)
    with pytest.raises(ModelError, match="forest: input of a split"):
        replace(model, nodes=(other,))
