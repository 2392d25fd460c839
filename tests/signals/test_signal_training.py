"""From recordings to a model of signals: `tinygen train --window` and `tinygen guard --window`."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner
from machine import CLASSES, write_recordings

from tinygen.cli import main
from tinygen.codegen.signals.sampler import sampler
from tinygen.commands._options import name_notes
from tinygen.commands._signals import SignalTraining, _name_of, signal_name
from tinygen.common.boards import BOARDS
from tinygen.common.errors import UsageError
from tinygen.data.recordings import RecordingRequest, load_recordings, window_spec
from tinygen.model.signals import SignalModel
from tinygen.model.signals.signal_model import answers_to_change, voted
from tinygen.report import signals
from tinygen.report.signal_page import render_signals
from tinygen.search.signals.costs import SignalCost, measure_signals
from tinygen.search.signals.feature_choice import nested_choices
from tinygen.search.signals.find import class_quantity
from tinygen.search.signals.ladder import SignalRung, ladder_of
from tinygen.search.signals.pool import candidate_front
from tinygen.search.signals.votes import Vote, chosen_vote, votes_between
from tinygen.search.signals.window_rows import rows_of
from tinygen.target.bare import BareChip
from tinygen.target.build import NO_LIMITS, Budget


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("machine") / "recordings")


def run(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def trained(folder):
    out = folder.parent / "motor.json"
    code, text = run("train", folder, "--window", "1s", "--family", "tree", "-o", out, "--json")
    assert code == 0, text
    told = json.loads(text[text.index("{") :])
    return SignalModel.from_plain(json.loads(out.read_text())), told


def test_unseen_recordings_are_named_right(trained):
    model, told = trained
    figures = told["figures"]
    assert model.labels == tuple(sorted(CLASSES)) and model.rate_hz == 50
    assert (figures["recordings_train"], figures["recordings_test"]) == (12, 6)
    assert figures["recordings_wrong"] == 0 and figures["error_rate"] <= 0.05
    assert sum(map(sum, figures["confusion"])) == figures["windows_test"]
    assert {r["group"] for r in figures["recordings"]} == {r["name"] for r in figures["recordings"]}


def test_only_what_is_used_is_computed(trained):
    model, _ = trained
    used = {place for one in model.front.features for place in one.sources}
    used |= {place for one in model.front.streams for place in one.sources}
    assert used >= set(range(len(model.channels), len(model.front.inside)))
    assert len(model.window_model.inputs) == len(model.front.features)


def test_the_chip_decides_what_the_twin_decides(trained, folder):
    model, told = trained
    raw = load_recordings(RecordingRequest(folder)).recordings[-1].raw[:200]
    raw = np.concatenate([raw, model.sample_rows(300)])
    with BareChip(model, BOARDS["uno"]) as chip:
        assert (chip.predict(raw) == model.predict(raw)).all()
    cost = measure_signals(model, BOARDS["uno"])
    assert told["cost"]["flash_bytes"] == cost.flash_bytes
    assert cost.cycles_window > cost.cycles_sample > 0
    assert 0 < cost.load < 0.5


def test_no_recording_is_on_both_sides(folder):
    recordings = load_recordings(RecordingRequest(folder))
    spec = window_spec("1s", None, recordings.rate_hz)
    front = candidate_front(recordings.channels, recordings.rate_hz, spec)
    rows = rows_of(recordings, front, class_quantity(recordings, ""), 0)
    sides = [set(rows.recording[side]) for side in (rows.dataset.train, rows.dataset.test)]
    assert not sides[0] & sides[1] and sides[0] | sides[1] == set(range(18))
    for fit, held in rows.dataset.split.cuts:
        assert not set(rows.recording[fit]) & set(rows.recording[held])
        assert set(rows.recording[held]) <= sides[0]


def test_features_that_tell_classes_apart_stay(folder):
    recordings = load_recordings(RecordingRequest(folder))
    spec = window_spec("1s", None, recordings.rate_hz)
    front = candidate_front(recordings.channels, recordings.rate_hz, spec)
    rows = rows_of(recordings, front, class_quantity(recordings, ""), 0)
    choices = nested_choices(rows, lambda text: None)
    assert len(choices[-1].places) == 3 and choices[-1].error < 0.05
    for larger, smaller in pairwise(choices):
        assert set(smaller.places) < set(larger.places)


def test_a_name_leaves_room_for_the_parts(folder, trained):
    """The model of a window has a longer name: 24 letters are left of 31."""
    out = folder.parent / "named.json"
    for words in (["train", folder, "--window", "1s"], ["guard", folder, "--window", "1s"]):
        code, text = run(*words, "--name", "n" * 25, "-o", out)
        assert code == 2 and "has 25 characters, a model of signals takes 24" in text
    assert len(text.strip().splitlines()) == 1 and not out.exists()
    long = folder.parent / ("m" * 30 + ".json")
    assert signal_name(long) == "m" * 24
    (note,) = name_notes(None, long, signal_name(long))
    assert f"is called '{'m' * 24}', '{'m' * 30}' cannot name it" in note
    (note,) = name_notes(None, folder.parent / ("m" * 40 + ".json"))  # of rows as well
    assert f"is called '{'m' * 31}', '{'m' * 40}' cannot name it" in note
    assert name_notes("given", long) == name_notes(None, folder.parent / "my-motor.json") == ()
    assert _name_of(SignalTraining(None, long)) == "m" * 24


def test_a_model_keeps_what_it_costs(trained):
    model, told = trained
    kept = {key: model.training["signals"][key] for key in told["cost"] if key != "load"}
    assert kept == {key: n for key, n in told["cost"].items() if key != "load"}
    facts = model.training["signals"]
    assert (facts["board"], facts["f_cpu_hz"]) == ("uno", 16_000_000)
    assert "WRITE YOUR SENSOR'S HERE" in sampler(model)


def test_another_rung_is_picked_with_its_own_figures(trained, folder, tmp_path):
    _, told = trained
    search = folder.parent / "motor.search.json"
    assert len(told["ladder"]) > 1
    for number in range(1, 1 + len(told["ladder"])):
        out = tmp_path / f"rung{number}.json"
        code, text = run("pick", search, number, "-o", out, "--json")
        picked, wanted = json.loads(text), told["ladder"][number - 1]
        assert code == 0 and picked["cost"]["flash_bytes"] == wanted["flash_bytes"]
        assert picked["figures"]["windows_test"] == told["figures"]["windows_test"]
        assert ("forest" in picked["figures"]) == wanted["chosen"]
        model = SignalModel.from_plain(json.loads(out.read_text()))
        code, text = run("pick", search, number, "-o", out)
        assert code == 0 and ("a forest of 100 trees" in text) == wanted["chosen"]
        assert f"-> {number:>4}" in text
        render_signals(
            model, json.loads((tmp_path / f"rung{number}.search.json").read_text()), None
        )
    assert run("pick", search, 99, "-o", out)[0] == 2
    code, text = run("pick", search, 1, "--target", "x", "-o", out)
    assert code == 2 and "a model of signals has one" in text
    code, text = run("pick", folder.parent / "motor.json", 1, "-o", out)
    assert code == 2 and "motor.search.json" in text


def test_many_features_are_told_in_lines(trained):
    model, _ = trained
    words = signals.described(replace(model, front=model.front))
    long = signals._wrapped("features ", ", ".join(f"mean of channel {k}" for k in range(60)))
    assert len(long) > 5 and max(map(len, [*words, *long])) <= 100
    assert " ".join(line.strip() for line in long).count("mean of channel") == 60
    assert all(line.startswith(" " * 9) for line in long[1:])


@pytest.mark.parametrize(
    "count, words", [(1.0, "1 false alarm"), (2.0, "2 false alarms"), (0.5, "0.5 false alarms")]
)
def test_one_alarm_is_one(count, words):
    assert signals._alarms(count) == words


def test_a_vote_is_as_short_as_is_good():
    truth = np.repeat([0, 1], 50)
    runs = [np.arange(50), np.arange(50, 100)]
    tried = votes_between(1, 9)
    assert chosen_vote(truth, truth, runs, 2, tried) == (Vote(1, 1), 0.0)
    noisy = truth.copy()
    noisy[10::20] = 1 - noisy[10::20]  # single wrong answers
    # the second run begins with a wrong one, which stands until two others are against it
    assert chosen_vote(noisy, truth, runs, 2, tried) == (Vote(3, 1), 0.02)
    assert chosen_vote(noisy, truth, runs, 2, votes_between(1, 1)) == (Vote(1, 1), 0.05)


def test_a_lead_keeps_what_stands():
    """Two classes in turn: the majority of three follows each pair of equal ones, unanimity of
    three waits for three of them.
    """
    answers = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0])
    assert voted(answers, 3, 2).tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0]
    assert voted(answers, 3, 2, lead=3).tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]
    three = np.array([0, 1, 2, 1])  # after three answers no vote is left for 0
    assert voted(three, 3, 3, lead=3).tolist() == [0, 0, 0, 1]


def test_the_fastest_votes_come_first():
    votes = votes_between(1, 7)
    assert [(v.votes, v.lead) for v in votes[:5]] == [(1, 1), (3, 1), (2, 2), (5, 1), (3, 3)]
    assert votes_between(5, 5) == [Vote(5, 1)]
    for vote in votes:  # answers to a change, counted
        run = voted(np.repeat([0, 1], 20), vote.votes, 2, vote.lead)
        assert run[20:].tolist().index(1) + 1 == vote.answers
        assert vote.answers == answers_to_change(vote.votes, vote.lead)


def test_a_budget_is_kept_or_refused(trained):
    model, told = trained
    cost = SignalCost(**told["cost"])
    large = replace(cost, flash_bytes=cost.flash_bytes + 500, load=0.6)
    rungs = [SignalRung(model, 0.2, cost), SignalRung(model, 0.1, large)]
    assert ladder_of(rungs, "uno", NO_LIMITS, 1.0).chosen == 1
    assert ladder_of(rungs, "uno", Budget(cost.flash_bytes), 1.0).chosen == 0
    assert ladder_of(rungs, "uno", NO_LIMITS, 0.5).chosen == 0
    alike = [rungs[0], SignalRung(model, 0.195, large)]
    assert ladder_of(alike, "uno", NO_LIMITS, 1.0).chosen == 0  # not worth 500 bytes
    with pytest.raises(
        UsageError,
        match=r"100 bytes of flash.*the smallest of them needs.*raise --max-flash or --max-load",
    ):
        ladder_of(rungs, "uno", Budget(100), 0.5)


@pytest.mark.parametrize(
    "words, told",
    [
        (("--hop", "0.5s"), "--hop is for recordings: give --window as well"),
        (("--window", "1s", "--threshold", "3"), "--threshold is for rows"),
        (("--window", "1s", "--balance"), "--balance is for rows"),
        (("--window", "1s", "--split", "time"), "split time is for rows"),
        (("--window", "1s", "--task", "classification"), "--task is for rows"),
        (("--window", "1s", "--date-order", "day"), "--date-order is for rows"),
        (("--target", "x", "--votes", "3"), "--votes is for recordings"),
        (("--target", "x", "--max-load", "20"), "--max-load is for recordings"),
        (("--window", "100s"), "100"),
        ((), "Missing option '--target'"),
    ],
)
def test_a_wrong_mix_is_one_line(folder, tmp_path, words, told):
    out = tmp_path / "none.json"
    code, text = run("train", folder, *words, "-o", out)
    assert code in (2, 3) and told in text.splitlines()[-1] and not out.exists()


def test_a_guard_hears_what_it_has_not_learned(folder, tmp_path):
    out = tmp_path / "guard.json"
    words = ("--window", "1s", "--normal", "turning", "-o", out, "--json")
    code, text = run("guard", folder, *words)
    assert code == 0, text
    told = json.loads(text[text.index("{") :])
    each = told["figures"]["recordings"]
    assert not any(r["alarms"] for r in each if r["learned"])
    assert told["figures"]["cycles_window"] == told["cost"]["cycles_window"] > 1000
    assert told["figures"]["board"] == "uno"
    assert all(r["alarms"] for r in each if r["label"] in ("shaking", "still"))
    model = SignalModel.from_plain(json.loads(out.read_text()))
    raw = model.sample_rows(400)
    with BareChip(model, BOARDS["uno"]) as chip:
        assert (chip.predict(raw) == model.predict(raw)).all()


@pytest.mark.parametrize(
    "words, told",
    [
        (("--window", "1s", "--alarms", "0.01"), "--alarms is for rows"),
        (("--window", "1s", "--time-inputs", "hour"), "--time-inputs is for rows"),
        (("--votes", "2"), "--votes is for recordings"),
        (("--alarms-per-day", "2"), "--alarms-per-day is for recordings"),
    ],
)
def test_a_guard_of_a_wrong_mix_is_one_line(folder, tmp_path, words, told):
    code, text = run("guard", folder, *words, "-o", tmp_path / "g.json")
    assert code == 2 and told in text.splitlines()[-1] and not (tmp_path / "g.json").exists()


def test_a_guard_of_an_unknown_label_is_refused(folder, tmp_path):
    code, text = run(
        "guard", folder, "--window", "1s", "--normal", "well", "-o", tmp_path / "g.json"
    )
    assert code == 2 and "--normal well: the recordings have the labels" in text
