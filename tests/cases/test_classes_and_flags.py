"""One file per class in a folder, and columns that say true and false."""

import numpy as np
import pytest
from learned import learned, true_error
from tables import grid, parse, refused

from tinygen.data import load_table, prepare, rows_for


def gestures(folder, rows=120):
    rng = np.random.default_rng(31)
    for name, amplitude in (("lift", 1.5), ("push", 3.0)):
        lines = ["aX,aY"]
        for _ in range(rows):
            lines.append(f"{amplitude + rng.normal(0, 0.3):.2f},{rng.normal(0, 0.1):.2f}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n\n")


def test_a_folder_holds_one_class_a_file(tmp_path):
    gestures(tmp_path)
    table = load_table(tmp_path)
    dataset = prepare(table, "class")
    assert dataset.labels == ("lift", "push") and len(dataset.x) == 240
    assert [q.name for q in dataset.inputs] == ["aX", "aY"]
    assert dataset.y[:120].tolist() == [0] * 120 and dataset.y[120:].tolist() == [1] * 120
    one = load_table(tmp_path / "push.csv")
    assert table.columns["aX"][120:].tolist() == one.columns["aX"].tolist()
    assert len(table.sha256) == 64 and table.sha256 != one.sha256


def test_what_is_no_folder_of_classes_is_refused(tmp_path):
    refused(lambda: load_table(tmp_path), "is a folder with 0 CSV files")
    gestures(tmp_path)
    (tmp_path / "turn.csv").write_text(grid(30))
    refused(lambda: load_table(tmp_path), "turn.csv", "different columns")
    (tmp_path / "turn.csv").unlink()
    for path in tmp_path.iterdir():
        path.write_text(path.read_text().replace("aY", "class"))
    refused(lambda: load_table(tmp_path), "'class' already")


@pytest.mark.parametrize("no, yes", [("FALSE", "TRUE"), ("no", "yes"), ("Off", "On")])
def test_true_and_false_are_inputs(no, yes):
    """The door decides; on the board it is 0 or 1."""
    rng, words = np.random.default_rng(15), (no, yes)
    lines = ["door,temp,power"]
    for _ in range(300):
        door, temp = int(rng.integers(2)), rng.uniform(15, 25)
        lines.append(f"{words[door]},{temp:.1f},{10 * door + temp / 10:.1f}")
    text = "\n".join(lines) + "\n"
    model, dataset = learned(text, "power")
    assert [q.name for q in dataset.inputs] == ["door", "temp"]
    assert sorted(set(dataset.x[:, 0])) == [0, 1]
    assert any(f"{yes.casefold()} is taken for 1" in note for note in dataset.notes)
    assert true_error(model, text, "power") < 0.3
    raw, _ = rows_for(model.inputs, parse(text))
    assert raw[:, 0].tolist() == [words.index(line.split(",")[0]) for line in lines[1:]]


def test_as_a_target_they_are_classes():
    text = grid(60, line=lambda i: f"{i},{i * i % 17},{('no', 'yes')[i % 2]}")
    assert prepare(parse(text), "y").labels == ("no", "yes")
