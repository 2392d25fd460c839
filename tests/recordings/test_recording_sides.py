"""No window of one recording or group is on both sides, and windows are made of whole panes."""

import click
import numpy as np
import pytest
from click.testing import CliRunner
from recording_files import motions

from tinygen.commands._recordings import RecordingSelection, selected_rows_or_recordings
from tinygen.common.errors import DataError, UsageError
from tinygen.data.recordings import RecordingRequest, load_recordings, parse_duration, window_spec
from tinygen.data.recordings.choosing import choose_sides
from tinygen.data.recordings.cutting import Piece
from tinygen.data.recordings.sides import natural, parts_of, sides_by_class, sides_by_group


def layout(rng) -> list[Piece]:
    """Recordings of up to four classes, in groups of any size and name; a part holds whole groups,
    but for some.
    """
    count, groups, classes = (int(n) for n in rng.integers([2, 1, 1], [60, 12, 5]))
    stray = rng.random() < 0.3
    pieces = []
    for k in range(count):
        group, label, other = (int(n) for n in rng.integers([groups, classes, 3]))
        part = str(other if stray else group % 3)
        pieces.append(Piece(k, k + 1, f"r{k}", f"g{group}", "abcd"[label], part))
    return pieces


@pytest.mark.parametrize("asked", [{"group": "who"}, {"test": "part=1"}, {}])
def test_a_group_is_on_one_side_in_any_layout(asked):
    split = refused = 0
    for seed in range(300):
        pieces = layout(np.random.default_rng(seed))
        request = RecordingRequest("x.csv", seed=seed, **asked)
        try:
            train, test = choose_sides(pieces, request, True, "")
        except DataError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        split += 1
        assert sorted((*train, *test)) == list(range(len(pieces)))
        assert not {pieces[k].group for k in train} & {pieces[k].group for k in test}
        assert {pieces[k].label for k in train} == {pieces[k].label for k in test}
    assert split > 3 and refused > 3


def test_every_third_group_tests_and_a_seed_moves_the_first():
    groups = [str(speed) for speed in range(20, 105, 5)]

    def tested(seed):
        return [g for g, side in zip(groups, sides_by_group(groups, seed)) if side]

    assert tested(0) == ["30", "45", "60", "75", "90"]
    assert tested(1) == ["20", "35", "50", "65", "80", "95"]
    assert tested(3) == tested(0)
    assert sides_by_group(["a", "b"], 0).tolist() == [False, True]
    assert sorted(["run-10", "run-2", "100", "30"], key=natural) == ["30", "100", "run-2", "run-10"]


def test_every_third_recording_of_a_class_tests():
    labels = ["a"] * 9 + ["b"] * 2 + ["c"]
    side = sides_by_class(labels, 5)
    assert [int(side[s].sum()) for s in (slice(0, 9), slice(9, 11), slice(11, 12))] == [3, 1, 0]
    assert any((sides_by_class(labels, seed) != side).any() for seed in range(5))


def test_folds_keep_groups_whole_and_spread_classes():
    for seed in range(100):
        pieces = layout(np.random.default_rng(seed))
        labels, groups = [p.label for p in pieces], [p.group for p in pieces]
        parts = parts_of(labels, groups, 5)
        assert sorted(k for part in parts for k in part) == list(range(len(pieces)))
        assert len(parts) == min(5, len(set(groups)))
        for g in set(groups):
            assert sum(any(groups[k] == g for k in part) for part in parts) == 1
    parts = parts_of(["a"] * 10 + ["b"] * 5, [str(k) for k in range(15)], 5)
    assert [sorted("ab"[k >= 10] for k in part) for part in parts] == [["a", "a", "b"]] * 5


def test_fold_parts_are_training_recordings(tmp_path):
    found = load_recordings(RecordingRequest(motions(tmp_path, 6)))
    parts = found.fold_parts(4)
    assert sorted(k for part in parts for k in part) == list(found.train)
    assert all(len({found.recordings[k].label for k in part}) == 2 for part in parts)


# ---- windows ----


@pytest.mark.parametrize(
    "text, samples",
    [("2s", 100), ("500ms", 25), ("0.5 s", 25), ("100 samples", 100), ("1 sample", 1),
     ("10ms", 1), ("29ms", 1), ("30ms", 2), ("20000us", 1), ("1min", 3000)],
)  # fmt: skip
def test_a_duration_is_rounded_to_the_nearest_sample(text, samples):
    assert parse_duration(text, 50) == samples


@pytest.mark.parametrize("text", ["", "2", "s", "-1s", "2 h", "1e3s", "nan s", "9ms"])
def test_what_is_no_duration(text):
    with pytest.raises(UsageError, match=r"is no duration|is 0\.45 samples at 50 Hz"):
        parse_duration(text, 50)


def test_windows_are_whole_panes():
    spec = window_spec("2s", "0.5s", 50)
    assert (spec.window, spec.hop, spec.pane, spec.panes, spec.stride) == (100, 25, 25, 4, 1)
    assert window_spec("2s", None, 50).hop == 50 and not spec.notes
    odd = window_spec("0.5s", None, 50)
    assert (odd.window, odd.hop) == (26, 13) and "26 samples (0.52 s) instead of 25" in odd.notes[0]


def test_any_window_has_at_most_sixteen_panes_and_what_was_rounded_is_told():
    rng = np.random.default_rng(3)
    for _ in range(150):
        window = int(rng.integers(2, 2000))
        hop = int(rng.integers(1, window + 1))
        spec = window_spec(f"{window}samples", f"{hop}samples", 100)
        assert spec.window % spec.pane == spec.hop % spec.pane == 0
        assert 1 <= spec.panes <= 16 and 1 <= spec.stride <= spec.panes
        assert bool(spec.notes) == ((spec.window, spec.hop) != (window, hop))
        assert abs(spec.window - window) <= max(2, 0.25 * window)


@pytest.mark.parametrize(
    "asked, words",
    [(("1s", "2s"), "longer than the window of 50"), (("20ms", None), "2 to 32767 are possible"),
     (("15min", None), "2 to 32767 are possible")],
)  # fmt: skip
def test_windows_that_are_impossible(asked, words):
    with pytest.raises(UsageError, match=words):
        window_spec(*asked, 50)


# ---- options ----


def test_the_options_reach_the_recordings(tmp_path):
    seen = []

    @click.command()
    @selected_rows_or_recordings
    def command(rows, windows):
        recordings = RecordingSelection.of(rows, windows, rows.target)
        seen.append((recordings, *recordings.load()))

    args = [str(motions(tmp_path, 6, who="Ann")), "--window", "1s", "--hop", "0.5s", "--seed", "2"]
    args += ["--rate", "50", "--drop", "ay", "--unit", "ax=g"]
    result = CliRunner().invoke(command, args)
    assert result.exit_code == 0, result.output
    ((selection, found, spec),) = seen
    assert selection.seed == found.seed == 2 and (spec.window, spec.hop) == (50, 25)
    assert [(q.name, q.unit) for q in found.channels] == [("ax", "g")]
