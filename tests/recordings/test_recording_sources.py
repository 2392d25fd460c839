"""Each way in which recordings come, and what becomes of them."""

import os
from pathlib import Path

import numpy as np
import pytest
from recording_files import motions, recording, shaking, times, write

from tinygen.data.recordings import RecordingRequest, load_recordings
from tinygen.model.fixedpoint import MISSING

DATA = Path(os.environ.get("TINYGEN_DATA", "../shared/data"))


def load(source, **asked):
    return load_recordings(RecordingRequest(source, **asked))


def test_a_folder_whose_file_names_tell_the_labels(tmp_path):
    found = load(motions(tmp_path))
    assert found.labels == ("rest", "walk") and found.rate_hz == 50
    assert [r.name for r in found.recordings][:2] == ["rest-01.csv", "rest-02.csv"]
    assert [q.name for q in found.channels] == ["ax", "ay"]
    assert found.recordings[3].group == "walk-01.csv" and not found.grouped
    assert found.recordings[3].part == "lines 2..121"
    assert found.counts(found.test) == {"rest": 1, "walk": 1}
    assert np.array_equal(found.recordings[3].raw, np.round(shaking(10) * 100))


@pytest.mark.parametrize("name", ["walk-01", "walk_02", "walk3", "walk (4)", "walk.5", "walk"])
def test_a_trailing_number_is_no_part_of_the_label(tmp_path, name):
    motions(tmp_path)
    recording(tmp_path / f"{name}.csv", 40)
    assert load(tmp_path).labels == ("rest", "walk")


def test_a_folder_with_one_folder_per_class(tmp_path):
    for c, label in enumerate(("idle", "loose screw")):
        for k in range(2):
            recording(tmp_path / label / f"{k}.csv", 10 * c + k)
    found = load(tmp_path)
    assert found.labels == ("idle", "loose screw")
    assert found.recordings[2].name == "loose screw/0.csv"


def test_a_folder_with_a_column_of_labels(tmp_path):
    for k in range(4):
        recording(tmp_path / f"{k}.csv", k, activity=("rest", "walk")[k % 2])
    found = load(tmp_path, target="activity")
    assert [r.label for r in found.recordings] == ["rest", "walk"] * 2
    assert [q.name for q in found.channels] == ["ax", "ay"]


def test_a_folder_of_files_without_a_header(tmp_path):
    for c, label in enumerate(("rest", "walk")):
        for k in range(2):
            rows = shaking(10 * c + k)
            np.savetxt(tmp_path / f"{label}{k}.csv", rows, fmt="%.2f", delimiter=",")
    found = load(tmp_path, rate_hz=100)
    assert [q.name for q in found.channels] == ["c1", "c2"]
    assert found.recordings[0].part == "lines 1..120" and len(found.recordings[0].raw) == 120


def one_file(path, labels, **more):
    x = shaking(5, 100 * len(labels))
    label = [text for text in labels for _ in range(100)]
    return write(path, {"kind": label, "ax": x[:, 0], "ay": x[:, 1], **more})


def test_a_file_is_cut_where_the_label_changes(tmp_path):
    path = one_file(tmp_path / "all.csv", ["rest", "walk", "rest", "walk"])
    found = load(path, target="kind", rate_hz=50)
    assert [(r.name, r.label) for r in found.recordings][1] == ("2 of all.csv", "walk")
    assert [len(r.raw) for r in found.recordings] == [100] * 4
    assert found.recordings[1].part == "lines 102..201"


def test_a_file_is_cut_where_the_number_changes(tmp_path):
    numbers = [f"S{k // 50}" for k in range(400)]
    path = one_file(tmp_path / "all.csv", ["rest", "rest", "walk", "walk"], take=numbers)
    found = load(path, target="kind", recording="take", rate_hz=50)
    assert [r.name for r in found.recordings][:2] == ["S0 of all.csv", "S1 of all.csv"]
    assert len(found.recordings) == 8


def test_rows_of_one_number_stay_together_wherever_they_stand(tmp_path):
    numbers = [f"S{k // 50 % 4}" for k in range(400)]
    path = one_file(tmp_path / "all.csv", ["rest"] * 2 + ["rest"] * 2, take=numbers)
    found = load(path, recording="take", rate_hz=50, labelled=False, drop=("kind",))
    sides = {}
    for side in (found.train, found.test):
        for k in side:
            sides.setdefault(found.recordings[k].group, set()).add(side)
    assert len(sides) == 4 and all(len(s) == 1 for s in sides.values())


def test_more_than_a_hundred_numbers_in_words(tmp_path):
    numbers = [f"take {k // 2}" for k in range(400)]
    path = one_file(tmp_path / "all.csv", ["rest", "rest", "walk", "walk"], take=numbers)
    assert len(load(path, target="kind", recording="take", rate_hz=50).recordings) == 200


def test_a_file_is_cut_where_time_goes_back_to_its_start_or_pauses(tmp_path):
    seconds = times(100, 50) + times(100, 50) + times(100, 50, 1000.0) + times(100, 50, 1010.0)
    path = one_file(tmp_path / "all.csv", ["rest"] * 4, t=seconds)
    found = load(path, labelled=False, drop=("kind",))
    assert [len(r.raw) for r in found.recordings] == [100] * 4
    assert any("goes back to its start" in note for note in found.notes)
    assert any("pauses at 2 rows, the first is row 202" in note for note in found.notes)


def test_lost_samples_are_one_row_of_missing(tmp_path):
    motions(tmp_path)
    seconds = [s for k, s in enumerate(times(123, 50)) if k not in (40, 41, 90)]
    x, y = shaking(9).T
    write(tmp_path / "walk-09.csv", {"t [s]": seconds, "ax": x, "ay": y})
    found = load(tmp_path)
    raw = next(r for r in found.recordings if r.name == "walk-09.csv").raw
    assert np.flatnonzero((raw == MISSING).all(axis=1)).tolist() == [40, 89]
    assert len(raw) == 122
    assert any("3 samples lost in 2 gaps of 1 recording" in note for note in found.notes)


def test_a_late_sample_is_jitter_and_not_lost(tmp_path):
    motions(tmp_path)
    seconds = times(120, 50)
    seconds[40] += 0.017
    x, y = shaking(9).T
    write(tmp_path / "walk-09.csv", {"t [s]": seconds, "ax": x, "ay": y})
    found = load(tmp_path)
    assert all((r.raw != MISSING).all() for r in found.recordings)
    assert any("jitter above 10%" in note and "walk-09" in note for note in found.notes)


def clocked(folder, header, cells, **asked):
    """The rate of a folder whose times are written so."""
    for c, label in enumerate(("rest", "walk")):
        for k in range(2):
            x, y = shaking(10 * c + k, len(cells)).T
            write(folder / f"{label}{k}.csv", {header: cells, "ax": x, "ay": y})
    return load(folder, **asked)


SECONDS = times(120, 40)


@pytest.mark.parametrize(
    "header, cells",
    [
        ("t [ms]", [round(1000 * s) for s in SECONDS]),
        ("time_us", [round(1e6 * s) for s in SECONDS]),
        ("timestamp", [round(1000 * s) + 1_700_000_000_000 for s in SECONDS]),
        ("time", [f"{s:.3f}" for s in SECONDS]),
        ("time", [round(1000 * s) for s in SECONDS]),
        ("micros", [round(1e6 * s + 4294e6) % 2**32 for s in SECONDS]),
        ("time", [f"23:59:{58 + s:06.3f}" if s < 2 else f"0:00:{s - 2:06.3f}" for s in SECONDS]),
        ("date", [f"2026-03-01 12:00:{s:06.3f}" for s in SECONDS]),
    ],
)
def test_each_form_of_a_time_column_tells_the_rate(tmp_path, header, cells):
    found = clocked(tmp_path, header, cells)
    assert found.rate_hz == 40 and len(found.channels) == 2
    assert [len(r.raw) for r in found.recordings] == [120] * 4


def test_a_clock_with_ticks_longer_than_a_sample(tmp_path):
    found = clocked(tmp_path / "s", "time", [f"12:00:{k // 50:02}" for k in range(480)])
    assert found.rate_hz == 50 and any("lost samples cannot be seen" in n for n in found.notes)
    found = clocked(tmp_path / "ms", "t [ms]", [int(k / 1.6) for k in range(480)])
    assert abs(found.rate_hz / 1600 - 1) < 0.003
    assert all((r.raw != MISSING).all() for r in found.recordings)


def test_a_serial_monitors_clock_and_no_header(tmp_path):
    for c, label in enumerate(("rest", "walk")):
        for k in range(2):
            rows = [f"12:00:00.{n:03} -> {a},{b}" for n, (a, b) in enumerate(shaking(10 * c + k))]
            (tmp_path / f"{label}{k}.csv").write_text("\n".join(rows))
    found = load(tmp_path, rate_hz=50)
    assert [q.name for q in found.channels] == ["c1", "c2"] and len(found.recordings[0].raw) == 120


def test_a_unit_of_time_that_was_guessed_is_told(tmp_path):
    found = clocked(tmp_path, "time", [25 * k for k in range(120)])
    assert any("taken for milliseconds" in note for note in found.notes)


def test_a_unit_and_the_range_of_the_training_recordings(tmp_path):
    found = load(motions(tmp_path), units={"ax": "g"})
    ax = found.channels[0]
    train = np.concatenate([r.raw for r in found.training])[:, 0]
    assert (ax.unit, ax.scale) == ("g", 0.01)
    assert (ax.raw_minimum, ax.raw_maximum) == (train.min(), train.max())


def test_a_guard_needs_no_labels(tmp_path):
    found = load(motions(tmp_path), labelled=False)
    told = {r.label for r in found.recordings}  # what the files are called, where that tells
    assert found.labels == () and told == {r.label for r in load(motions(tmp_path)).recordings}
    assert found.train and found.test


@pytest.mark.skipif(not (DATA / "basic_motions.csv").is_file(), reason="no basic_motions.csv")
def test_basic_motions():
    asked = {"target": "activity", "recording": "recording", "test": "part=test"}
    found = load(DATA / "basic_motions.csv", **asked)
    assert len(found.recordings) == 80 and len(found.channels) == 6 and found.rate_hz == 10
    assert {r.raw.shape for r in found.recordings} == {(100, 6)}
    assert found.labels == ("badminton", "running", "standing", "walking")
    assert len(found.train) == len(found.test) == 40


@pytest.mark.skipif(not (DATA / "fan_accelerometer.csv").is_file(), reason="no fan file")
def test_fan():
    asked = {"target": "Sensor Configuration", "group": "Rotation Speed Percentage"}
    found = load(DATA / "fan_accelerometer.csv", rate_hz=50, **asked)
    assert len(found.recordings) == 51 and [q.name for q in found.channels] == ["x", "y", "z"]
    assert {r.raw.shape for r in found.recordings} == {(3000, 3)}
    assert sorted({r.group for r in found.tested}) == ["30", "45", "60", "75", "90"]
    assert found.counts(found.test) == {"1": 5, "2": 5, "3": 5}
