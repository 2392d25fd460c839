"""Files as people have them, by the thousand: read, audited and trained on without a traceback;
no column is lost without a word, and the stated error is the error.
"""

from collections import Counter

import numpy as np
import pytest
from csv_cases import CsvCase, csv_case

from tinygen.common.boards import BOARDS
from tinygen.common.errors import WRONG_USE, TinygenError
from tinygen.data.audit import audit
from tinygen.data.prepare import prepare
from tinygen.data.table import load_table
from tinygen.families import FAMILIES
from tinygen.fitting.lowering import TOLERANCE
from tinygen.fitting.weighted import margin
from tinygen.search.cross_validation import plain_config, rounded
from tinygen.search.finalists import SearchRequest
from tinygen.search.ladder import Rung
from tinygen.search.model_search import find_ladder

CASES = {"commit": 30, "release": 2000}
BLOCKS = 6
MOST_LOSS = 0.01  # of the float model's error, and a step of the target for rounding
SURE = 0.999  # that a mean loss above it is not due to the choice of the test rows
KINDS = ("ridge", "tree")


def treated(case: CsvCase, path, family: str) -> str:
    """What `data` and `train` make of a file: "trained", or the reason of a refusal in one line.

    Fails where a column is lost without a word, or the stated error is not the error.
    """
    path.write_bytes(case.content)
    try:
        table = load_table(path)
        task = "classification" if case.labels else "auto"  # labels such as calm and 7 need it
        dataset = prepare(table, case.target, split=case.split, task=task)
        told = audit(table, case.target, split=case.split, task=task)
        if family not in families_for(dataset):
            family = "tree"
        ladder = find_ladder(dataset, SearchRequest("m", BOARDS["uno"], family, choice_only=True))
    except TinygenError as error:
        line = str(error)
        assert error.exit_code == WRONG_USE, line
        assert "\n" not in line and line.isprintable() and "defect" not in line
        return line
    assert_no_column_is_lost(case, dataset, told)
    assert_error_is_as_stated(ladder.rungs[ladder.chosen], dataset)
    return "trained"


def families_for(dataset):
    return KINDS if not dataset.labels else ("tree",)


def assert_no_column_is_lost(case: CsvCase, dataset, told) -> None:
    """Each column is an input, or a note names it."""
    used, notes = {q.name for q in dataset.inputs}, " ".join((*dataset.notes, *told.notes))
    for name in case.inputs:
        assert name in used or f"'{name}'" in notes, (name, notes)


def assert_error_is_as_stated(rung: Rung, dataset) -> None:
    """What the integer model answers on the test rows gives the figures it carries, and rounding
    lost no more than families allow.
    """
    model, wanted = rung.model, dataset.y[dataset.test]
    x = dataset.x[dataset.test][:, [dataset.inputs.index(q) for q in model.inputs]]
    answers, metrics = model.answer(x), model.training["metrics"]
    if dataset.labels:
        assert metrics["error_rate"] == stated(np.mean(answers != wanted))
        return
    floats, scale = np.array(rung.floats), dataset.target.scale
    # scaled behind the mean, as the model file's: 228.5025 is 228.502 or 228.503 by the last bit
    assert metrics["mae"] == stated(np.abs(answers - wanted).mean() * scale)
    assert metrics["float_mae"] == stated(np.abs(floats - wanted).mean() * scale)
    assert_little_is_lost_in_training(rung, dataset)
    if inside(model.inputs, x) and inside([dataset.target], wanted[:, None]):
        _, once = np.unique(np.column_stack([x, wanted]), axis=0, return_index=True)
        assert_little_is_lost(answers[once], floats[once], wanted[once])


def assert_little_is_lost_in_training(rung: Rung, dataset) -> None:
    """The rows that the choice of bits has seen: its own tolerance, and a step of the target."""
    family, rows = FAMILIES[rung.model.family], dataset.training
    made = rung.model.training["config"]
    config = next(c for c in family.candidates(rows) if plain_config(c) == made)
    error = rows.error(rounded(family.fit_all(rows, [config], dataset.split.seed)[0], rows.x))
    assert rung.training_error / dataset.target.scale <= (1 + TOLERANCE) * error + 1


def assert_little_is_lost(answers, floats, wanted) -> None:
    """Raw answers to rows that are all different. Rounding moves each of them by up to a known
    part, towards the truth or away from it: with few rows, chance decides what the mean of that is.
    """
    lost = np.abs(answers - wanted) - np.abs(floats - wanted)
    most = MOST_LOSS * np.abs(floats - wanted).mean() + 1
    assert lost.mean() <= most + margin(lost, SURE), (lost.mean(), most, margin(lost, SURE))


def inside(quantities, raw) -> bool:
    """Whether all values are in the ranges of the training rows: beyond them the float model goes
    on, and the integers saturate.
    """
    return all(
        q.raw_minimum <= column.min() and column.max() <= q.raw_maximum
        for q, column in zip(quantities, raw.T)
    )


def stated(value: float) -> float:
    """A figure as it is kept: six significant digits."""
    return float(f"{value:.6g}")


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_file_is_used_or_refused_in_one_line(block, level, tmp_path, figures):
    seeds = range(block, CASES[level], BLOCKS)
    ends = Counter(
        treated(csv_case(seed), tmp_path / "rows.csv", KINDS[seed // BLOCKS % 2]) for seed in seeds
    )
    assert ends["trained"] > len(seeds) / 2, ends
    figures(
        f"generated CSV files, {block + 1} of {BLOCKS}",
        f"{len(seeds)}: {ends['trained']} trained, the others refused in one line",
    )


def test_a_loss_is_seen():
    rng = np.random.default_rng(5)
    wanted = rng.integers(0, 20_000, 2000)
    floats = wanted + np.round(rng.normal(0, 100, 2000))
    assert_little_is_lost(floats, floats, wanted)
    assert_little_is_lost(np.round(floats / 20) * 20, floats, wanted)  # 0.2 % are lost
    with pytest.raises(AssertionError):
        assert_little_is_lost(np.round(floats / 200) * 200, floats, wanted)  # 17 %
