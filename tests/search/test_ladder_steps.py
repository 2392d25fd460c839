"""The ladder goes down to the smallest and the quickest models, and leaves out what others beat."""

import dataclasses
import itertools

import pytest
from search_rows import UNO, made_up

from tinygen.common.errors import QuantizeError
from tinygen.families import forest, mlp
from tinygen.fitting.lowering import scale_inputs
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.operations.dense import Dense
from tinygen.search.cross_validation import rank
from tinygen.search.finalists import Finalists, SearchRequest
from tinygen.search.finalists.measure import STEP
from tinygen.search.ladder import Rung, worth_showing
from tinygen.search.model_search import find_ladder, searched
from tinygen.target.bare import ModelCost
from tinygen.target.build import Budget

INPUT = Quantity("x", "V", 1.0, 0.0, 0.0, 100.0)
NODES = scale_inputs([(0, 100)], 8), Dense(((1,),), (0,), 0, 0, 100)


@pytest.fixture(autouse=True)
def few_sizes(monkeypatch):
    monkeypatch.setattr(mlp, "SIZES", (2, 4, 8))
    monkeypatch.setattr(mlp, "DEEP", ())
    monkeypatch.setattr(forest, "SIZES", ((8, 4),))


def test_without_a_budget_each_family_goes_down_to_its_smallest(simavr):
    found = find_ladder(made_up(noise=1.0), SearchRequest("m", UNO))
    trees = [r for r in found.rungs if r.model.family == "tree"]
    leaves = [r.model.training["config"]["leaves"] for r in trees]
    assert leaves == sorted(leaves) and leaves[0] == 2 and len(leaves) > 5
    assert trees[0].cost.flash_bytes < 30


def test_steps_are_far_enough_apart(monkeypatch):
    """And only for a ladder without a budget."""
    found = []

    def stop(self):
        steps = self._steps(self.waiting)
        found.append(([c for c in self.waiting if not self._outdone(c, self.waiting)], steps))
        return []

    monkeypatch.setattr(Finalists, "measure", stop)
    for request in (
        SearchRequest("m", UNO),
        SearchRequest("m", UNO, budget=Budget(flash_bytes=900)),
        SearchRequest("m", UNO, choice_only=True),
    ):
        with pytest.raises(QuantizeError):
            searched(made_up(), request)
    (waiting, steps), *others = found
    assert [some for _, some in others] == [[], []]
    for family in {c.family for c in waiting}:
        errors = [c.error for c in waiting if c.family == family]
        told = [c.error for c in steps if c.family == family]
        assert told[0] == max(errors)
        assert all(b * (1 + STEP) <= a for a, b in itertools.pairwise(told))
        left_out = [(e, min(t for t in told if t >= e)) for e in errors if e not in told]
        assert all(error * (1 + STEP) > step for error, step in left_out)


def test_without_a_budget_what_is_quicker_is_measured():
    """Trees of 32 leaves and more, 128 bytes at least, and forests beside a better model."""
    dataset, request = made_up(), SearchRequest("m", UNO)
    ranked = rank(dataset, "auto", lambda text: None)
    finalists = Finalists(dataset, request, ranked, lambda text: None)
    tree = next(c for c in ranked if c.family == "tree" and c.config.leaves >= 32)
    some_trees = next(c for c in ranked if c.family == "forest")
    for cycles, beaten in ((300, False), (8 * 11, True)):
        finalists.rungs = [rung(0.0, 90, cycles)]
        assert not finalists._beaten(tree)
        assert finalists._beaten(some_trees) == beaten
    finalists.request = dataclasses.replace(request, budget=Budget(cycles=50_000))
    assert finalists._beaten(tree)


def rung(error: float, flash: int, cycles: int, family: str = "ridge") -> Rung:
    model = Model("m", family, (INPUT,), INPUT, NODES)
    return Rung(model, error, ModelCost(flash, 0, 9, cycles, cycles))


@pytest.mark.parametrize(
    ("other", "shown"),
    [
        ((1.0, 100, 300), False),  # the same
        ((1.1, 101, 301), False),
        ((0.9, 101, 301), True),
        ((0.995, 101, 301), False),  # half a per cent less error
        ((1.1, 99, 301), True),
        ((1.1, 101, 299), True),
    ],
)
def test_what_another_rung_stands_for_is_not_shown(other, shown):
    best, one, also = rung(0.5, 900, 900), rung(1.0, 100, 300), rung(*other)
    found = worth_showing([one, also, best], best, made_up())
    assert {id(r) for r in found} == {id(best), id(one), *([id(also)] if shown else [])}
    assert [r.cost.flash_bytes for r in found] == sorted(r.cost.flash_bytes for r in found)


def test_the_chosen_rung_and_the_best_of_a_family_are_shown():
    best, chosen = rung(1.0, 100, 300), rung(1.2, 120, 400)
    tree, worse_tree = rung(1.5, 150, 300, "tree"), rung(1.6, 160, 300, "tree")
    found = worth_showing([worse_tree, tree, chosen, best], chosen, made_up())
    assert [id(r) for r in found] == [id(r) for r in (best, chosen, tree)]


def test_small_differences_do_not_add_up():
    """Each as good as the one before, the last not as good as the first."""
    errors = (1.0, 0.993, 0.986, 0.979, 0.972)
    rungs = [rung(error, 100 + k, 300) for k, error in enumerate(errors)]
    family = [rung(0.5, 900, 900)]
    found = worth_showing(rungs + family, family[0], made_up())
    assert [r.error for r in found] == [1.0, 0.986, 0.972, 0.5]
