"""A rung of coarser integers beside the one of a class net's own, where it is cheaper."""

from dataclasses import replace

import numpy as np
import pytest
from search_rows import UNO, made_up

from tinygen.data import Dataset
from tinygen.families import FAMILIES, mlp_classifier
from tinygen.families.mlp_classifier import Config
from tinygen.model.fixedpoint import Quantity
from tinygen.model.operations.scale import Scale
from tinygen.report.ladder import plain_ladder, rung_name
from tinygen.search.finalists import SearchRequest
from tinygen.search.finalists.rungs import RungMaker
from tinygen.search.model_search import find_ladder


def classes(far: int) -> Dataset:
    """Two classes of the noisy sum of two inputs, each of which has two readings far from all
    others: steps of 8 bits are coarse.
    """
    dataset = made_up(rows=600)
    x, noise = dataset.x.copy(), np.random.default_rng(2).normal(0, 200, len(dataset.x))
    x[dataset.split.train[:2]] = far
    y = (2 * x[:, 0] + x[:, 1] + noise > 1650).astype(np.int64)
    inputs = tuple(replace(q, maximum=far / 100) for q in dataset.inputs)
    kind = Quantity("kind", "", 1.0, 0.0, 1.0)
    rows = replace(dataset.rows, x=x, y=y, inputs=inputs, output=kind, labels=("low", "high"))
    return replace(dataset, rows=rows)


def ladder(monkeypatch, coarser=mlp_classifier.coarser, far=8000):
    """That of one net."""
    family = replace(FAMILIES["mlp_classifier"], coarser=coarser, candidates=lambda _: [NET])
    monkeypatch.setitem(FAMILIES, "mlp_classifier", family)
    return find_ladder(classes(far), SearchRequest("m", UNO, "mlp_classifier"))


NET = Config(4, 1.0)


def tops(found) -> list[int]:
    """Largest scaled input of each rung."""
    return [next(n.top for n in r.model.nodes if isinstance(n, Scale)) for r in found.rungs]


def test_coarser_inputs_are_a_rung_of_their_own(monkeypatch, simavr):
    found = ladder(monkeypatch)
    rungs = dict(zip(tops(found), found.rungs))
    assert sorted(rungs) == [255, 4095]
    assert rungs[255].cost.cycles_max < rungs[4095].cost.cycles_max
    assert rungs[255].error > rungs[4095].error
    told = {rung["coarser"]: rung["flash_bytes"] for rung in plain_ladder(found)["rungs"]}
    assert told == {True: rungs[255].cost.flash_bytes, False: rungs[4095].cost.flash_bytes}
    assert rung_name(rungs[255].model) == f"{rung_name(rungs[4095].model)}, coarser"


def test_inputs_that_are_too_coarse_are_none(monkeypatch, simavr):
    assert tops(ladder(monkeypatch, far=30000)) == [4095]


@pytest.mark.parametrize("chain", [None, "none", "its own"])
def test_without_a_cheaper_chain_there_is_one_rung(chain, monkeypatch, simavr):
    given = {"none": lambda fitted, rows: (), "its own": mlp_classifier.lower, None: None}
    measured, rung = [], RungMaker.rung
    monkeypatch.setattr(RungMaker, "rung", lambda *args: measured.append(1) or rung(*args))
    assert tops(ladder(monkeypatch, given[chain])) == [4095] and len(measured) == 1
