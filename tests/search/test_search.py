"""The search: what is chosen, from training rows alone, within a budget, and what is kept of the
rest.
"""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from search_rows import UNO, made_up

from tinygen.commands.pick import pick as pick_model
from tinygen.common.errors import ModelError, UsageError
from tinygen.families import FAMILIES, forest, mlp
from tinygen.families.forest import Config as Forest
from tinygen.families.tree import Config as Tree
from tinygen.fitting.recalibration import root_of
from tinygen.search import cross_validation, estimators, model_search
from tinygen.search.cross_validation import (
    Candidate,
    as_good_as,
    cross_validate,
    drift_folds,
    fold_cuts,
    plain_config,
    preferred,
    rounded,
)
from tinygen.search.finalists import Finalists, SearchRequest
from tinygen.search.finalists.rungs import RungMaker
from tinygen.search.ladder import choose, load_ladders, save_ladders
from tinygen.search.model_search import find_ladder, searched
from tinygen.target.bare import measure_cost
from tinygen.target.build import Budget


def search(dataset, name, threshold, family, board, budget, **options):
    """A ladder, asked for in one line."""
    return find_ladder(dataset, SearchRequest(name, board, family, threshold, budget), **options)


def few_sizes():
    """Two sizes of nets instead of eleven, pruned from a smaller net, and two of forests instead of
    six: the search goes the same way, in a third of the time.
    """
    mlp.SIZES, mlp.DEEP, forest.SIZES = (4, 8), ((4, 3),), ((8, 4), (16, 8))


@pytest.fixture(scope="module", autouse=True)
def quick_search():
    before = mlp.SIZES, mlp.DEEP, forest.SIZES
    few_sizes()
    yield
    mlp.SIZES, mlp.DEEP, forest.SIZES = before


@pytest.fixture(scope="module")
def ladder(simavr):
    return search(made_up(), "m", 30.0, "auto", UNO, Budget())


def test_the_chosen_model_is_nearly_as_good_as_the_noise_allows(ladder):
    metrics = ladder.model.training["metrics"]
    assert 0.15 < metrics["mae"] < 0.35  # noise of 0.3 has a mean size of 0.24


def test_rungs_are_sorted_by_flash_and_their_cost_is_measured(ladder):
    flash = [rung.cost.flash_bytes for rung in ladder.rungs]
    assert (
        flash == sorted(flash)
        and min(flash) > 8
        and len({rung.model.family for rung in ladder.rungs}) >= 3
    )


def test_the_same_search_finds_the_same_bytes(ladder, level):
    if level == "commit":
        pytest.skip("the next test finds the same nodes again: --level release")
    again = search(made_up(), "m", 30.0, "auto", UNO, Budget())
    assert [r.model.to_json() for r in again.rungs] == [
        r.model.to_json() for r in ladder.rungs
    ] and again.chosen == ladder.chosen


def test_test_rows_do_not_influence_the_choice(ladder):
    dataset = made_up()
    y = dataset.y.copy()
    y[dataset.test] = 7
    other = search(dataset.with_rows(y=y), "m", 30.0, "auto", UNO, Budget())
    assert [r.model.nodes for r in other.rungs] == [
        r.model.nodes for r in ladder.rungs
    ] and other.chosen == ladder.chosen


def test_training_rows_do(ladder):
    dataset = made_up()
    y = dataset.y.copy()
    y[dataset.train] += 5
    assert search(dataset.with_rows(y=y), "m", 30.0, "ridge", UNO, Budget()).model.nodes not in [
        r.model.nodes for r in ladder.rungs
    ]


def test_a_budget_is_kept_and_the_best_within_it_is_taken(ladder):
    limit = ladder.rungs[1].cost.flash_bytes
    chosen = search(made_up(), "m", 30.0, "auto", UNO, Budget(flash_bytes=limit)).model
    affordable = [r for r in ladder.rungs if r.cost.flash_bytes <= limit]
    enough = as_good_as(min(r.error for r in affordable), made_up())
    assert chosen.nodes in [r.model.nodes for r in affordable if r.error <= enough]


def test_among_equals_the_best_fit_is_taken(ladder):
    best = min(ladder.rungs, key=lambda r: r.error)
    lucky = dataclasses.replace(
        best, error=best.error * 1.005, training_error=best.training_error * 0.9
    )
    worse = dataclasses.replace(best, error=best.error * 2, training_error=0.0)
    for rungs in itertools.permutations((best, lucky, worse)):
        assert choose(list(rungs), Budget(flash_bytes=10**4), made_up()) is lucky


def test_c_is_written_for_speed_where_only_that_fits():
    small = search(made_up(), "m", 30.0, "mlp", UNO, Budget())
    both = (
        (rung, measure_cost(dataclasses.replace(rung.model, optimize="speed"), UNO))
        for rung in small.rungs
    )
    slow, fast = next((rung, fast) for rung, fast in both if fast.cycles_max < rung.cost.cycles_max)
    assert fast.flash_bytes > slow.cost.flash_bytes
    for budget, form in ((Budget(cycles=fast.cycles_max), "speed"), (Budget(), "balanced")):
        request = SearchRequest("m", UNO, "mlp", 30.0, budget)
        model, cost = RungMaker(made_up(), request, {}).affordable(slow.model)
        assert (model.optimize, cost) == (form, fast if form == "speed" else slow.cost)
    assert {r.model.optimize for r in small.rungs} == {"balanced"}


def test_what_is_larger_and_worse_than_another_is_not_measured(monkeypatch, simavr):
    """And that changes neither the choice nor anything that is better or smaller."""
    noisy = made_up(noise=8.0)
    some = searched(noisy, SearchRequest("m", UNO, threshold=30.0)).rungs
    monkeypatch.setattr(Finalists, "_beaten", lambda *arguments: False)
    monkeypatch.setattr(Finalists, "_outdone", lambda *arguments: False)
    every = searched(noisy, SearchRequest("m", UNO, threshold=30.0)).rungs

    def form(rung):
        return rung.model.family, json.dumps(rung.model.training["config"])

    kept = {form(rung) for rung in some}
    assert form(choose(every, Budget(), noisy)) == form(choose(some, Budget(), noisy))
    assert len(every) > len(some) == len(kept)
    for rung in every:
        if form(rung) not in kept:
            assert any(
                r.cost.flash_bytes <= rung.cost.flash_bytes
                and as_good_as(r.error, noisy) < rung.error
                for r in some
            )


def test_no_model_is_smaller_than_its_family_says(ladder):
    """Else a budget would leave out what it can afford; and of most families the estimate has to be
    of use.
    """
    parts = []
    for rung in ladder.rungs:
        family, config = FAMILIES[rung.model.family], rung.model.training["config"]
        found = next(c for c in family.candidates(made_up().training) if plain_config(c) == config)
        size = measure_cost(dataclasses.replace(rung.model, optimize="size"), UNO).flash_bytes
        parts.append(family.least_bytes(found, len(rung.model.inputs)) / size)
        quick = measure_cost(dataclasses.replace(rung.model, optimize="speed"), UNO).cycles_max
        assert family.least_cycles(found, len(rung.model.inputs)) <= quick
    assert max(parts) <= 1 and sum(part > 0.3 for part in parts) > len(parts) / 2


def test_a_model_tells_how_far_off_it_was_on_rows_its_folds_had_not_seen(simavr):
    """In steps of the fit; the test rows have no say, and a class has no steps."""
    dataset = made_up()
    request = SearchRequest("m", UNO, "ridge", choice_only=True)
    model = find_ladder(dataset, request).model
    root = root_of(model)
    off = []
    for fit_on, unseen in fold_cuts(dataset):
        part = FAMILIES["ridge"]
        (config,) = (
            c
            for c in part.candidates(dataset.training)
            if plain_config(c) == model.training["config"]
        )
        (fitted,) = part.fit_all(dataset.rows.take(fit_on), [config], dataset.split.seed)
        answers = rounded(fitted, dataset.x[unseen])
        off.append(root.forward(dataset.y[unseen]) - root.forward(answers))
    spread = np.sqrt(np.mean(np.concatenate(off) ** 2))
    assert model.training["unseen_spread"] == pytest.approx(spread, rel=1e-5)
    assert spread > 1.5  # steps: the noise is 3 of the answer
    y = dataset.y.copy()
    y[dataset.test] += 50
    rows = dataclasses.replace(dataset.rows, y=y)
    other = find_ladder(dataclasses.replace(dataset, rows=rows), request).model
    assert other.training["metrics"] != model.training["metrics"]
    assert other.training["unseen_spread"] == model.training["unseen_spread"]


def test_a_budget_tries_only_what_may_fit():
    found = cross_validate(made_up(), [FAMILIES["ridge"], FAMILIES["mlp"]], flash_bytes=240)
    assert {c.family for c in found} == {"ridge"}
    assert {c.family for c in cross_validate(made_up(), [FAMILIES["mlp"]], flash_bytes=10)} == {
        "mlp"
    }


def test_of_what_shares_a_fit_a_budget_tries_the_part_that_may_fit():
    """All of it without a budget."""

    def sizes(**limits):
        found = cross_validate(made_up(), [FAMILIES["mlp"]], **limits)
        return {c.config.hidden for c in found}

    least = FAMILIES["mlp"].least_bytes(mlp.Config((4,), 2), len(made_up().inputs))
    assert sizes() == {(4,), (8,), (4, 3)}
    assert sizes(flash_bytes=least) == {(4,)}


def test_large_nets_are_tried_where_a_budget_has_room_for_them(monkeypatch):
    monkeypatch.setattr(mlp, "DEEP", ((4, 3), (6, 5)))
    monkeypatch.setattr(mlp, "MOST_UNITS", 10)

    def tried(**limits):
        found = cross_validate(made_up(), [FAMILIES["mlp"]], **limits)
        return {c.config.hidden for c in found} & set(mlp.DEEP)

    assert tried() == {(4, 3)}
    assert tried(flash_bytes=2000) == {(4, 3), (6, 5)}
    assert tried(flash_bytes=2000, cycles=400) == {(4, 3)}


def test_an_impossible_budget_says_what_would_do():
    with pytest.raises(
        UsageError, match=r"smallest of them needs \d+ bytes of flash, \d+ of RAM and \d+ cycles"
    ):
        search(made_up(), "m", None, "ridge", UNO, Budget(flash_bytes=10))


def test_an_unknown_family_is_refused():
    with pytest.raises(UsageError, match="family 'nope' is unknown"):
        search(made_up(), "m", None, "nope", UNO, Budget())


def test_each_sensor_has_its_worth(simavr):
    worth = dict(search(made_up(), "m", None, "ridge", UNO, Budget()).sensors)
    assert worth["a"] > worth["b"] > 0.5 and abs(worth["c"]) < 0.1


def test_a_ladder_survives_its_file_and_any_rung_can_be_picked(ladder, tmp_path):
    path = tmp_path / "m.search.json"
    save_ladders([ladder], path)
    assert load_ladders(path)[0] == ladder
    result = pick_model(path, 1, tmp_path / "picked.json")
    assert result.model == ladder.rungs[0].model and (tmp_path / "picked.json").is_file()
    for number in (0, len(ladder.rungs) + 1):
        with pytest.raises(UsageError, match="does not exist"):
            pick_model(path, number, tmp_path / "picked.json")


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", json.dumps({"board": "uno", "chosen": 0, "sensors": [], "rungs": [{}]})],
)
def test_a_foreign_ladder_file_is_refused(text, tmp_path):
    (tmp_path / "m.search.json").write_text(text)
    with pytest.raises(ModelError, match="train again"):
        load_ladders(tmp_path / "m.search.json")


def test_folds_use_training_rows_only():
    for split in ("random", "time"):
        dataset = made_up(split)
        for fit_on, validate in fold_cuts(dataset):
            assert set(fit_on) | set(validate) <= set(dataset.train) and not set(fit_on) & set(
                validate
            )


def test_drift_folds_run_both_ways_and_always_ahead():
    pairs = drift_folds(np.arange(100))
    assert len(pairs) == 10
    for (fit_on, validate), forward in zip(pairs, [True] * 5 + [False] * 5):
        assert (fit_on.max() < validate.min()) if forward else (fit_on.min() > validate.max())


def candidate(family: str, losses, robust=False) -> Candidate:
    from tinygen.families import ridge

    return Candidate(family, ridge.Config(2, robust), tuple(losses))


def test_under_drift_the_safe_model_stays_unless_beaten_in_every_fold():
    dataset = made_up("time")
    safe = candidate("ridge", [1.0] * 10)
    lucky = candidate("polynomial", [0.2] * 9 + [1.01])
    slight = candidate("lookup", [0.97] * 10)
    better = candidate("mlp", [0.9] * 10)
    assert preferred([lucky, slight, safe], dataset) == [safe]
    assert preferred([lucky, slight, better, safe], dataset) == [better, safe]
    exact = candidate("ridge", [0.0] * 10)  # in every fold: nothing can gain on it
    assert preferred([better, exact], dataset) == [exact]


def test_ctrl_c_keeps_what_was_found(simavr, monkeypatch):
    seen = []

    def interrupt(text):
        seen.append(text)
        if "lookup" in text and len(seen) > 12:
            raise KeyboardInterrupt

    found = search(made_up(), "m", None, "auto", UNO, Budget(), progress=interrupt)
    assert found.rungs


def test_the_chosen_model_is_trained_on(monkeypatch, simavr):
    """Only where that betters it and it still fits; the other rungs stay as they are."""
    budget, asked = Budget(flash_bytes=400), []
    monkeypatch.setattr(mlp, "KICKS", 0)  # so that there is something left to better

    def with_better(better):
        changed = dataclasses.replace(mlp.FAMILY, better=better)
        monkeypatch.setitem(FAMILIES, "mlp", changed)
        return search(made_up(), "m", 30.0, "mlp", UNO, budget)

    def poor(fitted, rows, seed, errors, run):
        asked.append(fitted)
        weights = tuple(0 * w for w in fitted.net.weights)
        net = dataclasses.replace(fitted.net, weights=weights)
        return dataclasses.replace(fitted, net=net, rounded=None), rows

    plain, worse, good = with_better(None), with_better(poor), with_better(mlp.better)
    assert worse.model.nodes == plain.model.nodes and len(asked) == 1
    assert good.rungs[good.chosen].training_error < plain.rungs[plain.chosen].training_error
    others = [
        {r.model.nodes for k, r in enumerate(found.rungs) if k != found.chosen}
        for found in (plain, good)
    ]
    assert others[0] == others[1]


def test_what_the_chosen_model_is_trained_to_judges_it(monkeypatch, simavr):
    """Where noise decides these are not the references, on which the one before errs less."""

    def of_few_rows(fitted, rows, seed, errors, run):
        config = mlp.Config(fitted.net.sizes[1:-1], fitted.root.degree)
        other = mlp.fit(rows.take(np.arange(100)), config, seed)
        answers = np.rint(other.predict(rows.x)).astype(np.int64)
        return other, dataclasses.replace(rows, y=answers)

    def chosen(better):
        monkeypatch.setitem(FAMILIES, "mlp", dataclasses.replace(mlp.FAMILY, better=better))
        found = search(made_up(), "m", 30.0, "mlp", UNO, Budget(flash_bytes=350))
        return found.rungs[found.chosen]

    before, after = chosen(None), chosen(of_few_rows)
    assert after.model.training["config"] == before.model.training["config"]
    assert after.training_error > before.training_error


@pytest.mark.parametrize(("growth", "kept"), [(0, True), (10_000, False)])
def test_a_bettered_model_stays_chosen(growth, kept, monkeypatch, simavr):
    """Rounding costs it more, and folds judge its configuration: as good as before. One that is
    not chosen for another reason, its size, leaves the choice as it was.
    """
    plain, rung_of = search(made_up(), "m", 30.0, "mlp", UNO, Budget()), Finalists._rung
    best, measured = plain.rungs[plain.chosen], []

    def bettered(self, candidate, family):
        rung = rung_of(self, candidate, family)
        measured.append(candidate)
        if measured.count(candidate) == 1:
            return rung
        cost = dataclasses.replace(rung.cost, flash_bytes=rung.cost.flash_bytes + growth)
        return dataclasses.replace(rung, error=9 * rung.error, training_error=0.0, cost=cost)

    monkeypatch.setattr(Finalists, "_rung", bettered)
    found = search(made_up(), "m", 30.0, "mlp", UNO, Budget())
    chosen = found.rungs[found.chosen]
    assert chosen.model.training["config"] == best.model.training["config"]
    assert chosen.error <= best.error
    assert (chosen.training_error == 0.0) == kept


def test_only_what_may_be_measured_is_fitted(monkeypatch, simavr):
    """Nets of all sizes come from one fit, and each costs a search of its own."""
    fitted, fit_many = [], mlp.FAMILY.fit_many

    def spied(rows, configs, seed, draft):
        fitted.extend([] if draft else configs)
        return fit_many(rows, configs, seed, draft)

    monkeypatch.setitem(FAMILIES, "mlp", dataclasses.replace(mlp.FAMILY, fit_many=spied))
    found = searched(made_up(), SearchRequest("m", UNO, threshold=30.0)).rungs
    nets = [r.model.training["config"] for r in found if r.model.family == "mlp"]
    assert sorted(map(str, nets)) == sorted(str(plain_config(config)) for config in fitted)


def test_two_hidden_layers_are_tried_with_the_better_inputs_alone():
    one, two = mlp.Config((8,), 2), mlp.Config((4, 3), 2)
    logs = [dataclasses.replace(c, logs=True) for c in (one, two)]
    for own, other, tried in ((1.0, 1.2, True), (1.2, 1.0, False), (1.009, 1.0, True)):
        errors = {one: own, logs[0]: other}
        assert mlp.worth_trying(two, errors) == tried
    assert mlp.worth_trying(two, {}) and mlp.worth_trying(logs[1], {})
    assert not mlp.worth_trying(logs[1], {one: 1.0})


def test_logarithms_that_err_far_more_in_one_fold_are_in_vain():
    """They take bytes; nets without them stay, since they take none."""
    plain, logs = mlp.Config((8,), 2), mlp.Config((8,), 2, True)
    for own, other, vain in ((1.19, 1.0, False), (1.21, 1.0, True), (1.0, 2.0, False)):
        assert mlp.in_vain(logs, {logs: own, plain: other}) == vain
    assert not mlp.in_vain(plain, {logs: 1.0, plain: 3.0}) and not mlp.in_vain(logs, {logs: 1.0})


@pytest.mark.parametrize(
    "rows, split, folds", [(64, "random", 1), (65, "random", 5), (64, "time", 10)]
)
def test_what_one_fold_tells_to_be_in_vain_has_no_others(monkeypatch, rows, split, folds):
    """Where it has rows enough: 64 of 320 are validated. In time one fold tells nothing."""
    monkeypatch.setattr(cross_validation, "TELLING_ROWS", rows)
    fitted, asked, said = [], [], []

    def fit_many(rows, configs, *_):
        fitted.extend(configs)
        return [FAMILIES["tree"].fit(rows, c) for c in configs]

    tree = dataclasses.replace(
        FAMILIES["tree"],
        candidates=lambda rows: [Tree(leaves) for leaves in (2, 4)],
        fit_many=fit_many,
        in_vain=lambda config, errors: bool(asked.append(errors)) or config.leaves == 2,
    )
    monkeypatch.setitem(FAMILIES, "tree", tree)
    found = cross_validate(made_up(split), [FAMILIES["ridge"], tree], said.append)
    whole = 10 if split == "time" else 5
    assert fitted.count(Tree(2)) == folds and fitted.count(Tree(4)) == whole
    trees = [c.config.leaves for c in found if c.family == "tree"]
    assert trees == ([4] if folds == 1 else [2, 4]) and len(found) > len(trees)
    if folds == 1:
        assert [set(errors) for errors in asked] == [{Tree(2), Tree(4)}] * 2
        assert said[1] == "cross-validating 2 candidates: 2 of 2 steps"


def test_ctrl_c_in_the_one_fold_ends_the_folds(monkeypatch):
    monkeypatch.setattr(cross_validation, "TELLING_ROWS", 1)
    said = []

    def interrupt(text):
        said.append(text)
        raise KeyboardInterrupt

    tree = dataclasses.replace(
        FAMILIES["tree"],
        fit_many=lambda rows, configs, *_: [FAMILIES["tree"].fit(rows, c) for c in configs],
        in_vain=lambda config, errors: False,
    )
    monkeypatch.setitem(FAMILIES, "tree", tree)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(made_up(), [tree], interrupt)
    assert len(said) == 1


def test_what_waits_is_tried_behind_the_others(monkeypatch):
    """With their mean errors at hand; what these tell to be in vain is no candidate."""
    asked, said = [], []

    def worth_trying(config, errors):
        asked.append((config, errors))
        return config.leaves != 6

    waiting = {"waits": lambda config: config.leaves > 4, "worth_trying": worth_trying}
    tree = dataclasses.replace(
        FAMILIES["tree"],
        candidates=lambda rows: [Tree(leaves) for leaves in (2, 4, 6, 8)],
        fit_many=lambda rows, configs, *_: [FAMILIES["tree"].fit(rows, c) for c in configs],
        **waiting,
    )
    monkeypatch.setitem(FAMILIES, "tree", tree)
    median = dataclasses.replace(
        FAMILIES["ridge"], fit=lambda rows, config, seed: FAMILIES["tree"].fit(rows, Tree(2))
    )
    monkeypatch.setitem(FAMILIES, "ridge", median)
    found = cross_validate(made_up(), [tree, median], said.append)
    trees = {c.config.leaves: c.error for c in found if c.family == "tree"}
    assert sorted(trees) == [2, 4, 8] and any(c.family == "ridge" for c in found)
    errors = {Tree(2): trees[2], Tree(4): trees[4]}
    assert asked == [(Tree(6), errors), (Tree(8), errors)]
    assert said[-1].startswith("cross-validating 1 candidate: 5 of 5 steps, best so far tree")


@pytest.mark.parametrize("split, unlimited", [("random", True), ("random", False), ("time", True)])
def test_large_models_wait_for_a_family_that_can_catch_up(monkeypatch, split, unlimited):
    """Ridge errs a third of what small forests do on a plane. A budget may forbid what is better;
    folds in time order candidates otherwise.
    """
    monkeypatch.setattr(forest, "SIZES", ((8, 8), (8, 16)))
    dataset, kinds = made_up(split), [FAMILIES[name] for name in ("forest", "ridge")]
    found = cross_validate(dataset, kinds, unlimited=unlimited)
    forests = {c.config.leaves: c.error for c in found if c.family == "forest"}
    assert forests[8] > 1.5 * min(c.error for c in found)
    assert (16 in forests) == (split == "time" or not unlimited)
    alone = cross_validate(dataset, kinds[:1], unlimited=unlimited)
    assert {c.config.leaves for c in alone} == {8, 16}


@pytest.mark.parametrize("error, tried", [(1.39, True), (1.46, False), (0.9, True)])
def test_how_far_a_family_may_be_behind(error, tried):
    """1.4 times the best one, and what is as good as that: 1 % more."""
    ahead, behind = {"any": 100.0}, {Forest(24, 8): 100.0 * error}
    candidates = [Candidate("ridge", "any", (100.0,)), Candidate("forest", None, (100.0 * error,))]
    most = cross_validation._catches_up(candidates, made_up())
    assert most == pytest.approx(1.4 * min(100.0, 100.0 * error) * 1.01)
    waiting, errors = {("forest", 1): [Forest(24, 16)]}, {"ridge": ahead, "forest": behind}
    worth = cross_validation._worth_trying
    assert worth(waiting, errors, most) == (waiting if tried else {})
    assert worth(waiting, {"ridge": ahead, "forest": {}}, most) == waiting
    assert worth(waiting, errors | {"tree": {Tree(96): 100.0 * error}}, most) == waiting
    assert (worth(waiting, errors | {"tree": {Tree(96): 147.0}}, most) == waiting) == tried


def test_whose_budget_it_is():
    """RAM is one as well, for the estimators too; not every family has scores."""
    free = SearchRequest("m", UNO)
    limits = [{"budget": Budget(**{name: 9999})} for name in ("flash_bytes", "ram_bytes", "cycles")]
    for change in (*limits, {"scores": True}, {"reject": 0.1}):
        assert free.unlimited and not dataclasses.replace(free, **change).unlimited


@pytest.mark.parametrize("budget", [Budget(), Budget(ram_bytes=2000)])
def test_a_search_knows_its_budget(monkeypatch, budget):
    told = []

    def ranked(*arguments):
        told.append(arguments[-1])
        return cross_validation.rank(*arguments)

    monkeypatch.setattr(model_search, "rank", ranked)
    searched(made_up(), SearchRequest("m", UNO, "ridge", budget=budget))
    assert told == [budget == Budget()]


@pytest.mark.parametrize("options", [{}, {"max_ram": 2000}])
def test_the_search_of_an_estimator_knows_its_budget(monkeypatch, options):
    told = []

    def ranked(dataset, family, unlimited):
        told.append(unlimited)
        return cross_validation.rank(dataset, family, unlimited=unlimited)

    monkeypatch.setattr(estimators, "rank", ranked)
    rows = made_up()
    estimators.TinyRegressor(family="ridge", **options).fit(rows.x, rows.y)
    assert told == [not options]


def test_ctrl_c_among_the_first_ends_the_folds(monkeypatch):
    def interrupt(text):
        if ": 4 of" in text:
            raise KeyboardInterrupt

    waiting = dataclasses.replace(
        mlp.FAMILY, waits=lambda config: True, worth_trying=lambda *_: pytest.fail("too late")
    )
    monkeypatch.setitem(FAMILIES, "mlp", waiting)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(made_up(), [FAMILIES["ridge"], waiting], interrupt)
