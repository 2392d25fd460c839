"""A family is one file: the one that CONTRIBUTING.md shows goes through the search, the C code and
the chip; and what else a family is used for, it declares itself.
"""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from family_models import rows_of, street
from host_c import compile_header, run_rows
from search_rows import made_up

from tinygen import families
from tinygen.common.boards import BOARDS
from tinygen.common.errors import UsageError
from tinygen.families import FAMILIES, ROLES, with_role
from tinygen.search.cross_validation import safe_candidate
from tinygen.search.finalists import SearchRequest
from tinygen.search.model_search import find_ladder
from tinygen.search.sample_weights import trust_in_rows
from tinygen.target.bare import BareChip

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
HALVES = re.search(r"```python\n(.*?)```", CONTRIBUTING.read_text(), re.S)[1]
UNO = BOARDS["uno"]
REQUEST = SearchRequest("m", UNO, "halves", 30.0)


@pytest.fixture
def halves(tmp_path, monkeypatch):
    """The family, from a file in a folder of its own."""
    (tmp_path / "halves.py").write_text(HALVES)
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    family = families._discover()["halves"]
    monkeypatch.setitem(FAMILIES, "halves", family)
    yield family
    sys.modules.pop("tinygen.families.halves")


def test_without_its_file_it_is_unknown():
    with pytest.raises(UsageError, match="family 'halves' is unknown"):
        find_ladder(made_up(), REQUEST)


def test_one_file_goes_all_the_way(halves, simavr, tmp_path):
    dataset = made_up()
    model = find_ladder(dataset, REQUEST).model
    assert model.family == "halves" and [q.name for q in model.inputs] == ["a"]
    rows = dataset.x[:, [0]]
    expected = model.predict(rows)
    floats = halves.fit(made_rows(dataset), halves.candidates(made_rows(dataset))[0]).predict(
        dataset.x
    )
    assert (expected == floats).all() and len(set(expected.tolist())) == 2
    assert (run_rows(compile_header(model, tmp_path / "c"), rows) == expected).all()
    with BareChip(model, UNO) as chip:
        assert (chip.predict(rows) == expected).all()


def made_rows(dataset):
    """Its training rows."""
    return rows_of(dataset.x[dataset.train], dataset.y[dataset.train])


# ---- roles ----


def test_roles_are_known_and_filled():
    for family in FAMILIES.values():
        assert set(family.roles) <= set(ROLES)
        assert (family.guard is not None) == ("guard" in family.tasks)
    for task in ("regression", "classification"):
        assert len(with_role("judge inputs", task)) == 1
        assert with_role("few rows", task)
    assert len(with_role("safe")) == 1 and len(with_role("judge rows")) >= 2


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_a_configuration_that_can_be_fitted(role):
    for task in ("regression", "classification"):
        for family in with_role(role, task):
            config = family.roles[role](street(task))
            assert family.fit(street(task), config, 0).columns


def test_the_safe_model_is_one_of_its_familys_candidates():
    """Else the rule for drifting rows would have none to fall back on."""
    (family,) = with_role("safe")
    for shift in (0, -1000):
        dataset = made_up("time")
        dataset = dataset.with_rows(y=dataset.y + shift)
        found = safe_candidate(
            [
                families_candidate(family, config)
                for config in family.candidates(rows_of(dataset.x, dataset.y))
            ],
            dataset,
        )
        assert found and found.config.root == (1 if shift else 2) and not found.config.robust


def families_candidate(family, config):
    from tinygen.search.cross_validation import Candidate

    return Candidate(family.name, config, (1.0,))


def test_the_order_of_candidates_changes_no_trust(monkeypatch):
    y = street().y.copy()
    y[::40] += 3000  # labels beyond belief, so that trust differs
    rows = replace(street(), y=y)
    before = trust_in_rows(rows)
    for family in with_role("judge rows"):
        turned = replace(family, candidates=lambda rows, f=family: f.candidates(rows)[::-1])
        monkeypatch.setitem(FAMILIES, family.name, turned)
    assert (trust_in_rows(rows) == before).all() and np.unique(before).size > 1
