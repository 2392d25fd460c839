"""The JSON file of a model of signals: it comes back as it was, and what was edited is refused."""

import contextlib
import copy
import csv
import json
import random
from functools import cache

import numpy as np
import pytest
from json_edits import GONE, MORE, VALUES, edited, places
from sealed import sealed
from signal_models import PLANS, signal_models, small_models

from tinygen.codegen.signals.header import signal_headers
from tinygen.commands.predict import predict
from tinygen.common.errors import ModelError, TinygenError
from tinygen.model.fixedpoint import MISSING
from tinygen.model.signals import SignalModel

FACTS = {"error_rate": 0.1, "windows_test": 9, "recordings_wrong": 1, "recordings_test": 3}
SIGNAL_VALUES = [*VALUES, 2, 2.0, "5"]
EDITS = {"commit": 100, "release": 3000}


@cache
def small_model() -> SignalModel:
    return small_models("offset", 350)[2].with_facts(signals=FACTS)


@cache
def its_plain() -> dict:
    return json.loads(small_model().to_json())


def use(plain: dict) -> None:
    """Everything that asks a model."""
    model = SignalModel.from_plain(plain)
    model.predict(model.sample_rows(30))
    signal_headers(model)
    model.front.feature_names(model.channels, model.rate_hz)
    assert SignalModel.from_plain(json.loads(model.to_json())) == model


@pytest.mark.parametrize("name", PLANS)
def test_a_model_comes_back_as_it_was(name, tmp_path):
    model = signal_models()[name].with_facts(signals=FACTS)
    model.save(tmp_path / "model.json")
    text = (tmp_path / "model.json").read_text()
    back = SignalModel.from_plain(json.loads(text))
    assert back == model and back.to_json() == text and back.model_id == model.model_id
    assert signal_headers(back) == signal_headers(model)


def test_a_file_that_was_edited_is_refused():
    plain = copy.deepcopy(its_plain())
    plain["votes"] += 1
    with pytest.raises(ModelError, match="changed after training: train it again"):
        SignalModel.from_plain(plain)


def test_every_number_that_decides_is_part_of_the_fingerprint():
    """Also of a file that was sealed again."""
    numbers = [p for p in places(its_plain()) if p[0] == "front" and isinstance(at_place(p), int)]
    accepted = 0
    for place in numbers:
        plain = json.loads(sealed(edited(its_plain(), place, at_place(place) + 1)))
        with contextlib.suppress(ModelError):
            assert SignalModel.from_plain(plain).model_id != small_model().model_id, place
            accepted += 1
    assert accepted > 5


def test_whatever_a_sealed_file_holds_it_works_or_is_refused(level):
    rng = random.Random(5)
    all_places = [p for p in places(its_plain()) if p[0] != "window_model" or rng.random() < 0.05]
    used = 0
    for _ in range(EDITS[level]):
        place, value = rng.choice(all_places), rng.choice(SIGNAL_VALUES)
        if value is MORE and not isinstance(at_place(place[:-1]), dict | list):
            continue
        plain = edited(its_plain(), place, value)
        if value is MORE or value is GONE or plain.get("window_model") is not None:
            plain = resealed(plain)
        try:
            use(plain)
            used += 1
        except TinygenError as refusal:
            assert "\n" not in str(refusal) and len(str(refusal)) < 400, refusal
        except Exception as error:
            pytest.fail(f"{place} = {value!r}: {error!r}")
    assert used


def at_place(place):
    at = its_plain()
    for name in place:
        at = at[name]
    return at


def resealed(plain: dict) -> dict:
    """With hashes that fit, of the window's model too."""
    if isinstance(plain.get("window_model"), dict):
        plain = {**plain, "window_model": json.loads(sealed(plain["window_model"]))}
    return json.loads(sealed(plain))


def test_predict_has_a_line_for_each_row_of_the_recordings(tmp_path):
    """The model begins anew with each file; the lines are those of the files, whatever stands
    between for that, and say why there is no answer.
    """
    model = signal_models()["narrow"].with_facts(signals=FACTS)
    model.save(tmp_path / "m.json")
    head = ",".join(f"{q.name} [{q.unit}]" if q.unit else q.name for q in model.channels)
    rows, _ = model.saturate(np.maximum(model.sample_rows(2000), MISSING + 1))
    lost = len(rows) - 5
    for name in ("one", "two"):
        cells = [[f"{v:.9g}" for v in q.to_physical(c)] for q, c in zip(model.channels, rows.T)]
        lines = [",".join(row) for row in zip(*cells)]
        lines[lost] = lines[lost][lines[lost].index(",") :]  # the first channel has no value
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *lines]) + "\n")
    files = [tmp_path / "one.csv", tmp_path / "two.csv"]
    found = predict(tmp_path / "m.json", files, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as written:
        told = list(csv.DictReader(written))
    assert [row["file"] for row in told] == ["one.csv"] * len(rows) + ["two.csv"] * len(rows)
    assert told[0]["flag"] == told[len(rows)]["flag"] == "NOT_SURE"
    assert [k for k, row in enumerate(told) if row["flag"] == "MISSING"] == [lost, len(rows) + lost]
    broken = rows.copy()
    broken[lost, 0] = MISSING
    alone = model.predict(broken)
    assert (found.raw == np.concatenate([alone, alone])).all() and (alone != MISSING).any()
    assert [row["raw"] for row in told] == ["" if v == MISSING else str(v) for v in found.raw]
    waiting = int(2 * ((alone == MISSING).sum() - 1))
    assert f"2 with a missing value, 0 beyond the accepted range, {waiting} before a window" in (
        found.text()
    )
