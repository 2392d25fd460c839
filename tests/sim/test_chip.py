"""The same rows through the twin, the header compiled for this computer, and both simulated chips:
all four agree.
"""

from functools import cache

import numpy as np
import pytest
from changed_models import with_one_coefficient_changed
from family_models import TASKS, fitted_model, street_model
from host_c import compile_header, run_rows
from random_models import random_models

from tinygen import data
from tinygen.codegen.emit import render_header
from tinygen.commands.demo import ARTICLE_INPUTS
from tinygen.common.boards import BOARDS
from tinygen.target.bare import BareChip

MEGA = BOARDS["megaatmega2560"]
CHIPS = [BOARDS["uno"], MEGA]
FAMILY_ROWS = 100_000  # corners of the accepted range and of int16 among them
# of trained models and of chains a commit asks this computer's C for every row, the Uno for every
# second and the Mega, which runs the same instructions on the same tables, for every tenth; of
# chains for none: each of them is on the Mega in all programs of test_compilers
STEPS = {"commit": (2, 10), "release": (1, 1)}
CHAIN_STEPS = {"commit": (2, None), "release": (1, 1)}
CHAIN_ROWS = 20_000
CHAINS = random_models()
QUICK = ["-O2"]  # the sanitizers watch the same headers in tests/c


def answers_everywhere(model, rows, folder, header=None, steps=(1, 1)) -> dict[str, np.ndarray]:
    """What the host's C and both chips answer, from one header; a chip to one row in `steps`, or
    to none.
    """
    header = header or render_header(model)
    found = {"host C": run_rows(compile_header(model, folder, header=header, flags=QUICK), rows)}
    for board, step in zip(CHIPS, steps):
        if step is None:
            continue
        with BareChip(model, board, header=header, timed=False) as chip:
            found[board.title] = chip.predict(rows[::step])
    return found


def assert_all_equal(model, rows, folder, steps=(1, 1)):
    found = answers_everywhere(model, rows, folder, steps=steps)
    for (where, answers), step in zip(found.items(), (1, *steps)):
        asked = rows[::step]
        twin = model.predict(asked)
        wrong = np.flatnonzero(answers != twin)
        assert len(answers) == len(asked)
        assert not wrong.size, (
            f"{where}: {len(wrong)} of {len(asked)} rows differ, "
            f"first {asked[wrong[0]]}: {answers[wrong[0]]}, twin {twin[wrong[0]]}"
        )


@cache
def article(path):
    return data.prepare(data.load_table(path), "C6H6(GT)", ARTICLE_INPUTS)


@pytest.mark.parametrize("family, task", TASKS)
def test_all_agree_on_random_rows(family, task, level, simavr, tmp_path):
    model = street_model(family, task)
    assert_all_equal(model, model.sample_rows(FAMILY_ROWS, seed=11), tmp_path, STEPS[level])


@pytest.mark.parametrize("family", [family for family, task in TASKS if task == "regression"])
def test_all_agree_on_every_real_test_row(family, level, simavr, air_quality, tmp_path):
    """A commit fits to every fourth training row."""
    dataset = article(air_quality)
    rows = dataset.training.take(np.arange(0, len(dataset.train), 4 if level == "commit" else 1))
    model = fitted_model(family, rows)
    columns = [dataset.inputs.index(quantity) for quantity in model.inputs]
    rows = dataset.x[dataset.test][:, columns]
    assert len(rows) == 1469
    assert_all_equal(model, rows, tmp_path)


@pytest.mark.parametrize("name", CHAINS)
def test_all_agree_on_every_chain_of_nodes(name, level, simavr, tmp_path):
    model = CHAINS[name]
    assert_all_equal(model, model.sample_rows(CHAIN_ROWS, seed=12), tmp_path, CHAIN_STEPS[level])


@pytest.mark.parametrize("family, task", TASKS)
def test_one_coefficient_changed_by_one_is_seen(family, task, simavr, tmp_path):
    """Negative control: a header that is off by one in one number fails the comparison above, on
    every machine.
    """
    model = street_model(family, task)
    rows = model.sample_rows(FAMILY_ROWS, seed=11)
    changed = with_one_coefficient_changed(model, rows)
    seen = np.flatnonzero(changed.predict(rows) != model.predict(rows))[:2000]
    for where, answers in answers_everywhere(
        model, rows[seen], tmp_path, render_header(changed)
    ).items():
        assert (answers == changed.predict(rows[seen])).all() and (
            answers != model.predict(rows[seen])
        ).all(), where
