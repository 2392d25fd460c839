"""Files that are wrong get one line that says what to do, or a note."""

import numpy as np
import pytest
from recording_files import motions, recording, said, shaking, times, write

from tinygen.common.errors import UsageError
from tinygen.data.recordings import RecordingRequest, load_recordings, window_spec, with_windows


def load(source, **asked):
    return load_recordings(RecordingRequest(source, **asked))


def finding(found, kind):
    """The one finding of this kind."""
    (one,) = [f for f in found.findings if f.kind == kind]
    assert one.line in found.notes and found.provenance.findings == found.findings
    return one


# ---- rate ----


def test_rates_that_differ(tmp_path):
    motions(tmp_path)
    recording(tmp_path / "walk-09.csv", 9, rate=100)
    message = said(tmp_path)
    assert "walk-09.csv has 100 Hz, rest-01.csv 50 Hz: record all at one rate" in message


def test_a_rate_that_the_times_contradict(tmp_path):
    message = said(motions(tmp_path), rate_hz=60.0)
    assert "--rate 60 Hz" in message and "50 Hz, differ by more than 2%: leave out one" in message
    assert load(tmp_path, rate_hz=50.9).rate_hz == 50.9


def test_neither_times_nor_a_rate(tmp_path):
    for k in range(4):
        x, y = shaking(k).T
        write(tmp_path / f"{('rest', 'walk')[k % 2]}{k}.csv", {"ax": x, "ay": y})
    assert "has no column of times: give the samples per second with --rate HZ" in said(tmp_path)
    assert load(tmp_path, rate_hz=50).rate_hz == 50


def test_a_clock_that_stands_still(tmp_path):
    for k in range(4):
        x, y = shaking(k).T
        columns = {"t [s]": [1.5] * 120, "ax": x, "ay": y}
        write(tmp_path / f"{('rest', 'walk')[k % 2]}{k}.csv", columns)
    message = said(tmp_path, time="t")
    assert "time never moves on" in message and '(--drop "t") and give --rate HZ' in message
    assert load(tmp_path, rate_hz=50, drop=("t",)).rate_hz == 50


def test_a_unit_that_is_none_of_time(tmp_path):
    motions(tmp_path)
    assert "is in 'furlong', which is no unit of time: give s, ms or us" in said(
        tmp_path, units={"t": "furlong"}
    )


def test_times_at_no_fixed_rate(tmp_path):
    motions(tmp_path)
    x, y = shaking(9).T
    seconds = np.cumsum(np.tile([0.02, 0.02, 0.1], 40)).round(3)
    write(tmp_path / "walk-09.csv", {"t [s]": seconds, "ax": x, "ay": y})
    assert "no fixed rate (at most 25%): record at a fixed rate" in said(tmp_path)


def test_time_going_backwards(tmp_path):
    seconds = times(120, 50)
    seconds[60] = 0.5
    motions(tmp_path)
    x, y = shaking(9).T
    path = write(tmp_path / "walk-09.csv", {"t [s]": seconds, "ax": x, "ay": y, "take": "1"})
    message = said(path, labelled=False, recording="take")
    assert "walk-09.csv row 62" in message and "goes backwards by 0.68 s" in message
    assert "sort the rows by time" in message
    seconds = times(120, 50)
    seconds[100] = 1.5
    path = write(tmp_path / "walk-09.csv", {"t [s]": seconds, "ax": x, "ay": y})
    assert "row 102 of walk-09.csv" in said(tmp_path)


def test_a_cell_that_is_no_time(tmp_path):
    motions(tmp_path)
    x, y = shaking(9).T
    cells = [f"12:00:{s:06.3f}" for s in times(119, 50)] + ["noon"]
    path = write(tmp_path / "x.csv", {"time": cells, "ax": x, "ay": y})
    assert "row 121, column 'time': 'noon' is no time" in said(path, labelled=False)


# ---- labels ----


def test_no_labels_at_all(tmp_path):
    path = recording(tmp_path / "all.csv", 1)
    message = said(path)
    assert (
        "nothing tells the labels: name their column with --target (it has 't', 'ax', " in message
    )


def test_a_label_column_that_is_empty(tmp_path):
    for k in range(4):
        recording(tmp_path / f"{k}.csv", k, kind="")
    assert "'kind' is empty in all rows: write the label" in said(tmp_path, target="kind")
    for k in range(3):
        for label in ("a", "b"):
            recording(tmp_path / f"{label}{k}.csv", 10 + k + 5 * (label == "a"), kind=label)
    found = load(tmp_path, target="kind")
    line = finding(found, "no label").line
    assert "empty in 4 recordings (480 rows), the first is 0.csv (lines 2..121)" in line
    assert len(found.recordings) == 6 and found.provenance.rows_dropped == 480


def test_a_file_name_that_tells_no_label(tmp_path):
    motions(tmp_path)
    recording(tmp_path / "03.csv", 9)
    assert "'03.csv' tells no label: name files like walk-01.csv" in said(tmp_path)


def test_one_label_for_all(tmp_path):
    for k in range(4):
        recording(tmp_path / f"run{k}.csv", k)
    assert "one label only ('run'): add recordings of another class" in said(tmp_path)


def test_files_beside_folders(tmp_path):
    motions(tmp_path)
    recording(tmp_path / "walk" / "1.csv", 9)
    assert "holds files ('rest-01.csv') and sub-folders ('walk/1.csv')" in said(tmp_path)


def test_one_recording_of_a_class(tmp_path):
    motions(tmp_path)
    recording(tmp_path / "jump-1.csv", 9)
    assert said(tmp_path) == (
        "one recording of class 'jump': record another, or split it with --recording COLUMN, "
        "since a split needs two"
    )


def test_the_column_that_may_number_recordings_is_named(tmp_path):
    x = shaking(1, 400)
    columns = {"kind": ["a"] * 200 + ["b"] * 200, "speed": np.repeat([1, 2, 1, 2], 100)}
    path = write(tmp_path / "all.csv", {**columns, "x": x[:, 0], "y": x[:, 1]})
    assert "split it with --recording 'speed'" in said(path, target="kind", rate_hz=50)
    found = load(path, target="kind", rate_hz=50, group="speed")
    assert len(found.recordings) == 4


def test_an_empty_folder_and_no_folder(tmp_path):
    assert "holds no CSV file: give a folder with one file per recording" in said(tmp_path)
    assert "does not exist" in said(tmp_path / "none.csv", labelled=False)


def test_other_columns_in_one_of_the_files(tmp_path):
    motions(tmp_path)
    recording(tmp_path / "walk-09.csv", 9, az="1")
    assert "have different columns: 'az' is in one of them only" in said(tmp_path)


# ---- sides ----


def test_a_value_that_no_recording_has(tmp_path):
    for k in range(4):
        recording(tmp_path / f"{'ab'[k % 2]}{k}.csv", k, part=("one", "two")[k // 2])
    assert "no recording has 'three' in column 'part': it holds one, two" in said(
        tmp_path, test="part=three"
    )
    assert "is not COLUMN=VALUE,VALUE" in said(tmp_path, test="part")


def test_a_class_that_one_side_lacks(tmp_path):
    for k in range(4):
        recording(tmp_path / f"{'ab'[k % 2]}{k}.csv", k, part="ab"[k % 2])
    message = said(tmp_path, test="part=b")
    assert "class 'b' has no training recording with --test 'part=b' (2 of it in all): " in message


def test_a_group_on_both_sides(tmp_path):
    for k in range(8):
        recording(tmp_path / f"{'ab'[k % 2]}{k}.csv", k, part=str(k // 4), who=f"p{k // 2 % 3}")
    message = said(tmp_path, test="part=1", group="who")
    assert "has recordings on both sides with --test 'part=1'" in message


def test_one_group_only(tmp_path):
    message = said(motions(tmp_path, who="Ann"), group="who")
    assert "column 'who' holds one group only ('Ann')" in message


def test_a_copy_is_tested_or_trained_but_not_both(tmp_path):
    motions(tmp_path)
    names = load(tmp_path)
    tested = names.recordings[names.test[1]].name
    (tmp_path / "walk-08.csv").write_bytes((tmp_path / tested).read_bytes())
    for seed in range(20):
        found = load(tmp_path, seed=seed)
        sides = [{r.raw.tobytes() for r in side} for side in (found.training, found.tested)]
        assert not sides[0] & sides[1]
        copied = [f for f in found.findings if f.kind == "copied recording"]
        assert bool(copied) == (len(found.train) + len(found.test) < len(found.recordings))
        if copied:
            return
    raise AssertionError("no seed brought the copies on two sides")


# ---- channels ----


def test_a_clipping_sensor(tmp_path):
    for c, label in enumerate(("rest", "walk")):
        for k in range(3):
            wave = np.sin(np.arange(400) / (9 + c)) + shaking(10 * c + k, 400, 1)[:, 0] / 10
            clipped = np.clip(wave, -0.8, 0.8).round(3)
            columns = {"t [s]": times(400, 50), "a": clipped, "b": wave.round(3)}
            write(tmp_path / f"{label}{k}.csv", columns)
    one = finding(load(tmp_path), "clipping")
    assert one.columns == ("a",) and one.severity == "high" and "is clipped: " in one.line


def test_a_stuck_axis_and_a_dead_one(tmp_path):
    motions(tmp_path, az="1.5")
    x, _ = shaking(9).T
    columns = {"t [s]": times(120, 50), "ax": x, "ay": [0.25] * 120, "az": [1.5] * 120}
    write(tmp_path / "walk-09.csv", columns)
    found = load(tmp_path)
    line = finding(found, "stuck axis").line
    assert "'ay' stands still in 1 of 7 recordings, the first is walk-09.csv (lines 2..1" in line
    assert any("'az' left out: it is constant in the training" in note for note in found.notes)
    assert finding(load(tmp_path, inputs=("ax", "az")), "dead channel").columns == ("az",)


def test_a_time_that_is_taken_for_a_channel(tmp_path):
    for k in range(4):
        x, y = shaking(k).T
        columns = {"n1": range(0, 2400, 20), "ax": x, "ay": y}
        write(tmp_path / f"{('rest', 'walk')[k % 2]}{k}.csv", columns)
    assert finding(load(tmp_path, rate_hz=50), "counter").columns == ("n1",)


def test_an_offset_that_tells_the_group(tmp_path):
    for k in range(12):
        x, y = shaking(k, 400).T
        columns = {"t [s]": times(400, 50), "ax": x, "ay": (y + 3 * (k // 2)).round(2)}
        write(tmp_path / f"{'ab'[k % 2]}{k}.csv", {**columns, "who": f"p{k // 2}"})
    assert finding(load(tmp_path, group="who"), "offset by group").columns == ("ay",)


def test_classes_of_different_length(tmp_path):
    motions(tmp_path)
    for k in range(3):
        recording(tmp_path / f"walk-0{k + 1}.csv", 20 + k, samples=1200)
    assert "class 'rest' has 7.2 s" in finding(load(tmp_path), "uneven classes").line


# ---- windows ----


def test_a_window_longer_than_all_recordings(tmp_path):
    found = load(motions(tmp_path))
    with pytest.raises(UsageError, match="is no duration: write for example 2s"):
        window_spec("2 weeks", None, found.rate_hz)
    spec = window_spec("3s", None, found.rate_hz)
    with pytest.raises(Exception) as caught:
        with_windows(found, spec)
    message = str(caught.value)
    assert "a window of 150 samples (3 s) is longer: rest-01.csv has 120 samples (2.4 s)" in message
    assert message.endswith("give a shorter --window")


def test_recordings_shorter_than_a_window_are_left_out(tmp_path):
    motions(tmp_path, 4)
    recording(tmp_path / "walk-09.csv", 9, samples=60)
    found = load(tmp_path)
    left = with_windows(found, window_spec("2s", None, found.rate_hz))
    assert len(left.train) + len(left.test) == 8
    assert "1 recording shorter than a window of 100 samples (2 s)" in left.notes[-1]
    recording(tmp_path / "hop-1.csv", 10, samples=60)
    recording(tmp_path / "hop-2.csv", 11, samples=60)
    found = load(tmp_path)
    with pytest.raises(Exception, match="without it class 'hop' has no training recording"):
        with_windows(found, window_spec("2s", None, found.rate_hz))


def test_a_gap_makes_a_recording_too_short(tmp_path):
    motions(tmp_path, 4)
    seconds = [s for k, s in enumerate(times(121, 50)) if k != 60]
    x, y = shaking(9).T
    write(tmp_path / "walk-09.csv", {"t [s]": seconds, "ax": x, "ay": y})
    found = load(tmp_path)
    left = with_windows(found, window_spec("2s", None, found.rate_hz))
    assert "walk-09.csv has 60 samples (1.2 s)" in left.notes[-1]
