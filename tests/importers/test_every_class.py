"""Every class that can be read, on two data sets: float steps, integer twin, C, bound, leaves."""

from dataclasses import replace

import numpy as np
import pytest
from cases import data_sets, find, fitted
from every_model import Compiler, compiled, program, wrong_answers
from many_headers import answers_in_c
from on_chip import MEGA, wrong_on_chip

import tinygen
from tinygen.importers.convert import TIED, margins, predict_of
from tinygen.importers.readers import READERS, float_model

CLASSES = sorted(n.partition(".")[2] for n in READERS)
AGREE = 0.995  # of the rows whose scores are not tied
CLOSE = (
    0.005  # part of the answers' spread that a model without a proven bound may be off on average
)
TOGETHER = 24  # models in one program
FOUND: dict[tuple[str, str], tuple] = {}  # models of the tests below, for one C program


def converted(name, data):
    """(estimator, float form, integer model, physical rows on its grid, raw rows), made once."""
    if (name, data) not in FOUND:
        x = data_sets()[data].x
        estimator = fitted(name, data)
        model, floats = tinygen.convert(estimator, x), float_model(estimator)
        on_grid, raw = x.copy(), []
        for q in model.inputs:
            k = int(q.name[1:])
            raw.append(q.to_raw(x[:, k]))
            on_grid[:, k] = q.to_physical(raw[-1])
        FOUND[name, data] = estimator, floats, model, on_grid, np.column_stack(raw)
    return FOUND[name, data]


def pytest_generate_tests(metafunc):
    """Each class on both data sets, and on one of them, taken in turn, where time is short."""
    if {"name", "data"} <= set(metafunc.fixturenames):
        pairs = [
            (name, data)
            for k, name in enumerate(CLASSES)
            for j, data in enumerate(data_sets())
            if metafunc.config.getoption("--level") == "release" or (k + j) % 2
        ]
        metafunc.parametrize("name, data", pairs)


def test_no_class_is_missing():
    assert [n for n in CLASSES if find(n) is None] == []
    assert len(CLASSES) > 95


def test_integers_answer_as_the_estimator(name, data):
    estimator, floats, model, x, raw = converted(name, data)
    told, answers = predict_of(estimator)(x).ravel(), model.answer(raw)
    facts, values = model.training["converted"], floats.values(x)
    if model.labels:
        same = np.array([model.labels[a] == str(t) for a, t in zip(answers, told)])
        distance = margins(floats, values)
        assert same[distance > TIED].mean() >= AGREE
        if facts["margin"] is not None:
            reach = facts["margin"] / max(np.abs(values).max(), 1e-300)
            assert same[distance > max(reach, TIED)].all()
        return
    difference = np.abs(model.output.to_physical(answers) - told)
    if facts["bound"] is not None:
        assert difference.max() <= facts["bound"] * (1 + 1e-5) + 1e-9
    else:
        assert difference.mean() <= CLOSE * max(told.std(), model.output.scale)


def ends(output):
    """The lowest and the highest answer."""
    return (output.offset + raw * output.scale for raw in output.limits)


def test_a_bound_is_no_larger_than_it_must_be():
    """The control of the next test: some row comes close to what is proven."""
    _, floats, model, _, _ = converted("LinearRegression", "iris")
    raw = model.saturate(model.sample_rows(4000, seed=1))[0]
    x = np.stack([q.to_physical(raw[:, k]) for k, q in enumerate(model.inputs)], axis=1)
    held = floats.predict(x).clip(*ends(model.output))
    gap = np.abs(model.output.to_physical(model.answer(raw)) - held)
    assert 0.6 * model.training["converted"]["bound"] < gap.max()


def test_what_is_proven_holds_far_from_the_rows(name, data):
    """Bound and margin on corners and random rows of the whole accepted range."""
    _, floats, model, _, _ = converted(name, data)
    facts = model.training["converted"]
    if facts["bound"] is None and facts["margin"] is None:
        return
    raw = model.saturate(model.sample_rows(400, seed=1))[0]
    x = np.tile(data_sets()[data].x[0], (len(raw), 1))
    for k, q in enumerate(model.inputs):
        x[:, int(q.name[1:])] = q.to_physical(raw[:, k])
    values, answers = floats.values(x), model.answer(raw)
    good = np.isfinite(values).all(axis=1)  # a logarithm below its range has no answer
    if not model.labels:
        held = np.clip(values[good, 0], *ends(model.output))
        gap = np.abs(model.output.to_physical(answers[good]) - held)
        assert gap.max(initial=0) <= facts["bound"] * (1 + 1e-5) + 1e-9
        return
    distance = margins(floats, values) * max(np.abs(values[good]).max(initial=0), 1e-300)
    sure = good & (distance > facts["margin"] * (1 + 1e-5) + 1e-9)
    assert np.array_equal(answers[sure], floats.head.answers(values)[sure])


def test_c_answers_as_the_twin(tmp_path):
    """The models of the tests above, on all their rows and on corners of their ranges."""
    models = [found[2] for found in FOUND.values()]
    rows = [np.vstack([f[4], m.sample_rows(40)]) for m, f in zip(models, FOUND.values())]
    if not models:
        pytest.skip("run with the tests above")
    for model, some, told in zip(models, rows, answers_in_c(models, rows, tmp_path)):
        assert np.array_equal(told, model.predict(some)), model.family


def kinds(models) -> list:
    """The first model of each chain of operations, under a name of its own."""
    first: dict[tuple, object] = {}
    for model in models:
        first.setdefault((*(n.op for n in model.nodes), bool(model.labels)), model)
    return [replace(m, name=f"m{k}") for k, m in enumerate(first.values())]


def test_the_chip_answers_as_the_twin(level, simavr, tmp_path):
    """One model of each chain of operations; with `--level release` all, on their rows."""
    models = [found[2] for found in FOUND.values()]
    if not models:
        pytest.skip("run with the tests above")
    if level == "release":
        assert wrong_on_chip(models, [found[4] for found in FOUND.values()]) == []
        return
    some, compiler = kinds(models), Compiler(simavr.avr_gcc, "")
    for at in range(0, len(some), TOGETHER):
        part, place = some[at : at + TOGETHER], tmp_path / str(at)
        elf = compiled(program(part), compiler, "c", ["-Os"], MEGA, place)
        assert wrong_answers(elf, part, MEGA) == {}


def test_a_wrong_table_is_seen_in_c(tmp_path):
    """The control of the test above."""
    model = converted("SplineTransformer", "iris")[2]
    lookup = model.nodes[0]
    first = replace(lookup.curves[0], table=tuple(v + 9 for v in lookup.curves[0].table))
    other = replace(lookup, curves=(first, *lookup.curves[1:]))
    wrong = replace(model, nodes=(other, *model.nodes[1:]))
    rows = model.sample_rows(50)
    assert not np.array_equal(answers_in_c([wrong], [rows], tmp_path)[0], model.predict(rows))
