"""The ladder goes down to the smallest and the quickest models, and leaves out what others beat."""

import dataclasses
import itertools

import numpy as np
import pytest
from family_models import rows_of
from search_rows import UNO, made_up

from tinygen.common.errors import QuantizeError
from tinygen.families import FAMILIES, forest, mlp, tree
from tinygen.fitting.lowering import scale_inputs
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.operations.dense import Dense
from tinygen.search.cross_validation import Candidate, rank
from tinygen.search.finalists import Finalists, SearchRequest
from tinygen.search.finalists.measure import STEP
from tinygen.search.ladder import Rung, worth_showing
from tinygen.search.model_search import find_ladder, searched
from tinygen.target.bare import ModelCost, measure_cost
from tinygen.target.build import NO_LIMITS, Budget

INPUT = Quantity("x", "V", 1.0, 0.0, 0.0, 100.0)
NODES = {k: (scale_inputs([(0, 100)] * k, 8), Dense(((1,) * k,), (0,), 0, 0, 100)) for k in (1, 2)}


@pytest.fixture(autouse=True)
def few_sizes(monkeypatch):
    monkeypatch.setattr(mlp, "SIZES", (2, 4, 8))
    monkeypatch.setattr(mlp, "DEEP", ())
    monkeypatch.setattr(forest, "SIZES", ((8, 8),))


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
    large = next(c for c in ranked if c.family == "tree" and c.config.leaves >= 32)
    some_trees = next(c for c in ranked if c.family == "forest")
    for cycles, beaten in ((17, False), (16, True)):  # two for each of its trees
        finalists.rungs = [rung(0.0, 90, cycles)]
        assert not finalists._beaten(large)
        assert finalists._beaten(some_trees) == beaten
    finalists.request = dataclasses.replace(request, budget=Budget(cycles=50_000))
    assert finalists._beaten(large)
    # an error that counts as good beats nothing
    near = finalists._least_error(large) / 1.005
    finalists.rungs = [rung(near, 90, 16)]
    assert not finalists._beaten(large)


@pytest.mark.parametrize("family", ["forest", "polynomial"])
def test_the_least_cycles_hold_for_inputs_of_two_readings(family, simavr):
    """Trees of one split, fewer products than terms; else `--max-cycles` leaves out what fits."""
    x = np.random.default_rng(0).integers(0, 2, (300, 2))
    rows = rows_of(x, 500 + 300 * x[:, 0] + 100 * x[:, 1])
    own = FAMILIES[family]
    for config in own.candidates(rows):
        fitted = own.fit(rows, config, 0)
        inputs = tuple(rows.inputs[c] for c in fitted.columns)
        nodes = tuple(own.lower(fitted, rows))
        model = Model("m", family, inputs, rows.output, nodes, optimize="speed")
        assert own.least_cycles(config, len(rows.inputs)) <= measure_cost(model, UNO).cycles_max


def test_an_exact_family_has_one_step():
    """All its configurations err by 0, and none is a step of its own."""
    finalists = Finalists(made_up(), SearchRequest("m", UNO), [], lambda text: None)
    ranked = [Candidate("tree", tree.Config(leaves), (0.0, 0.0)) for leaves in (2, 3, 4)]
    assert finalists._steps(ranked) == ranked[:1]


def rung(
    error: float, flash: int, cycles: int, family: str = "ridge", inputs: int = 1, ram: int = 9
) -> Rung:
    model = Model("m", family, (INPUT,) * inputs, INPUT, NODES[inputs])
    return Rung(model, error, ModelCost(flash, 0, ram, cycles, cycles))


def shown(rungs: list[Rung], best: Rung, budget: Budget = NO_LIMITS) -> list[Rung]:
    return worth_showing(rungs, best, budget, made_up())


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        ((1.0, 100, 300), False),  # the same
        ((1.1, 101, 301), False),
        ((0.9, 101, 301), True),
        ((0.995, 101, 301), False),  # half a per cent less error
        ((1.1, 99, 301), True),
        ((1.1, 101, 299), True),
        ((1.1, 101, 301, "ridge", 1), True),  # one input less
        ((1.1, 101, 301, "ridge", 2, 1), False),  # less RAM
    ],
)
def test_what_another_rung_stands_for_is_not_shown(other, kept):
    best, one = rung(0.5, 900, 900), rung(1.0, 100, 300, inputs=2)
    also = rung(*other) if len(other) > 3 else rung(*other, inputs=2)
    for rungs in ([one, also, best], [best, also, one]):
        found = shown(rungs, best)
        assert len(found) == 2 + kept and (not kept or any(r is also for r in found))
        flash = [r.cost.flash_bytes for r in found]
        assert flash == sorted(flash)


def test_the_chosen_rung_and_the_best_of_a_family_are_shown():
    best, chosen = rung(1.0, 100, 300), rung(1.2, 120, 400)
    better, worse = rung(1.5, 150, 300, "tree"), rung(1.6, 160, 300, "tree")
    found = shown([worse, better, chosen, best], chosen)
    assert [id(r) for r in found] == [id(r) for r in (best, chosen, better)]


def test_of_the_best_of_a_family_the_cheapest_is_shown():
    """Many class models err alike."""
    best = rung(0.0, 50, 20)
    trees = [rung(0.2, flash, 90, "tree") for flash in (700, 300, 500)]
    slightly_better = rung(0.199, 900, 99, "tree")
    for forests in itertools.permutations([*trees, slightly_better]):
        found = shown([*forests, best], best)
        assert [r.cost.flash_bytes for r in found] == [50, 300]


def test_what_a_budget_forbids_stands_for_nothing_that_it_allows():
    thrifty, quick = rung(1.0, 120, 300, ram=10), rung(0.9, 100, 200, ram=100)
    best = rung(0.5, 900, 900, ram=10)
    assert len(shown([thrifty, quick, best], best)) == 2
    assert len(shown([thrifty, quick, best], best, Budget(ram_bytes=50))) == 3


def test_small_differences_do_not_add_up():
    """Each as good as the one before, the last not as good as the first."""
    errors = (1.0, 0.993, 0.986, 0.979, 0.972)
    rungs = [rung(error, 100 + k, 300) for k, error in enumerate(errors)]
    best = rung(0.5, 900, 900)
    for given in (rungs, rungs[::-1]):
        assert [r.error for r in shown([*given, best], best)] == [1.0, 0.986, 0.972, 0.5]
