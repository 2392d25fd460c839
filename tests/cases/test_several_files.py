"""Several files of one kind as one table: whose row it is stays known, and what does not agree is
refused.
"""

import csv

import numpy as np
import pytest
from click.testing import CliRunner
from heating_rows import heating
from tables import equal, grid, refused

from tinygen.cli import main
from tinygen.data import load_table, load_tables, prepare, rows_for

CUT = 170  # rows of the first file


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The rows of one file, and the same rows in two."""
    folder = tmp_path_factory.mktemp("several")
    head, *lines = heating(400).splitlines()
    for name, part in (("all", lines), ("may", lines[:CUT]), ("june", lines[CUT:])):
        (folder / f"{name}.csv").write_text("\n".join([head, *part]) + "\n")
    return folder


def both(files, **options):
    return load_tables([files / "may.csv", files / "june.csv"], **options)


@pytest.mark.parametrize("split", ["random", "time"])
def test_two_files_are_the_rows_of_one(files, split):
    one, two = load_table(files / "all.csv"), both(files)
    assert equal(one, two) and two.path_name == "may.csv and june.csv"
    assert (two.time == one.time).all() and two.sha256 != one.sha256
    a, b = (prepare(t, "power", split=split, categories=["zone"]) for t in (one, two))
    assert (a.x == b.x).all() and (a.y == b.y).all() and a.inputs == b.inputs
    assert (a.train == b.train).all() and (a.test == b.test).all()
    assert b.provenance.line(CUT - 1) == f"{CUT + 1} of may.csv"
    assert b.provenance.line(CUT) == "2 of june.csv"
    assert a.provenance.line(CUT) == CUT + 2


def test_the_order_of_files_is_the_order_of_rows(files):
    turned = load_tables([files / "june.csv", files / "may.csv"])
    assert (
        turned.columns["power"][:5] == load_table(files / "june.csv").columns["power"][:5]
    ).all()
    assert prepare(turned, "power", split="time").provenance.time is not None


def changed(files, folder, change, name="july.csv"):
    (folder / name).write_text(change((files / "june.csv").read_text()))
    return [files / "may.csv", folder / name]


def test_what_does_not_agree_is_named(files, tmp_path):
    refused(
        lambda: load_tables(changed(files, tmp_path, lambda t: t.replace("mode", "Mode"))),
        "july.csv and may.csv have different columns: 'Mode' is in one of them only",
    )
    refused(
        lambda: load_tables(changed(files, tmp_path, lambda t: t.replace("degC", "degF"))),
        "july.csv: column 'temp' is in 'degF', in may.csv in 'degC'",
    )
    refused(lambda: load_tables([files / "may.csv"] * 2), "may.csv is given twice")
    refused(lambda: load_tables([files / "may.csv", files]), "is a folder: give it alone")
    refused(lambda: load_tables([files / "may.csv", files / "no.csv"]), "no.csv does not exist")
    table = load_tables(changed(files, tmp_path, lambda t: t.replace(",eco,", ",8,", 1)))
    assert "mode" in table.texts and table.columns["mode"][CUT:].tolist().count(8.0) == 1
    infinite = load_tables(changed(files, tmp_path, lambda t: t.replace(",7,", ",inf,", 1)))
    place = int(np.flatnonzero(np.isinf(infinite.columns["zone"]))[0])
    refused(
        lambda: prepare(infinite, "power", ["temp", "zone"]),
        f"row {place - CUT + 2} of july.csv, column 'zone'",
    )
    text = load_tables(changed(files, tmp_path, lambda t: t.replace(",7,", ",seven,", 1)))
    refused(lambda: prepare(text, "power", ["zone"]), "july.csv row", "'seven' is not a number")


def test_a_unit_may_stand_in_one_of_them(files, tmp_path):
    table = load_tables(changed(files, tmp_path, lambda t: t.replace(" [degC]", "")))
    assert table.units["temp"] == "degC"


def test_columns_may_stand_in_another_order(files, tmp_path):
    def turned(text):
        return "\n".join(",".join(line.split(",")[::-1]) for line in text.splitlines()) + "\n"

    assert equal(load_tables(changed(files, tmp_path, turned)), load_table(files / "all.csv"))


def test_labels_of_all_files_are_known(tmp_path):
    for k, modes in enumerate((("eco", "boost"), ("boost", "normal", "eco"))):
        lines = (f"{i},{modes[i % len(modes)]},{3 * i}" for i in range(30))
        (tmp_path / f"{k}.csv").write_text("a,mode,y\n" + "\n".join(lines) + "\n")
    table = load_tables([tmp_path / "0.csv", tmp_path / "1.csv"])
    texts = [table.labels["mode"].texts[code] for code in table.labels["mode"].codes]
    assert texts == ["eco", "boost"] * 15 + ["boost", "normal", "eco"] * 10
    assert [q.name for q in prepare(table, "y").inputs][1:] == [
        "mode=boost",
        "mode=eco",
        "mode=normal",
    ]


def test_a_code_for_no_value_is_one_in_all_of_them(tmp_path):
    """Four of them in one file, one in the other: too few to be told there alone."""
    for name, codes in (("a", 4), ("b", 1)):
        rows = [
            "-200,-200,5" if i < codes else f"{20 + i / 10:.1f},{40 + i / 5:.1f},{i}"
            for i in range(60)
        ]
        (tmp_path / f"{name}.csv").write_text("t,h,y\n" + "\n".join(rows) + "\n")
    table = load_tables([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert table.missing == (-200.0,)
    assert np.isnan(table.columns["t"]).sum() == 5 and not (table.columns["h"] == -200).any()


def test_files_may_be_classes(files, tmp_path):
    for name, level in (("lift", 1), ("push", 3)):
        lines = (f"{level + i % 7 / 10},{i % 5 / 10}" for i in range(40))
        (tmp_path / f"{name}.csv").write_text("aX,aY\n" + "\n".join(lines) + "\n")
    paths = [tmp_path / "push.csv", tmp_path / "lift.csv"]
    dataset = prepare(load_tables(paths, target="class"), "class")
    assert dataset.labels == ("lift", "push")
    assert dataset.y.tolist() == [1] * 40 + [0] * 40
    assert "class" not in load_tables(paths).names
    folder = load_table(tmp_path)
    assert equal(folder, load_tables(sorted(paths), target="class"))


def test_commands_take_several(files, tmp_path):
    def run(*words):
        done = CliRunner().invoke(main, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.output

    two, model, out = [files / "may.csv", files / "june.csv"], tmp_path / "heat.json", "out.csv"
    assert "400 rows, 400 usable" in run("data", *two, "--target", "power")
    said = run("train", *two, "--target", "power", "--family", "ridge", "-o", model)
    assert "480" not in said and "400 read" in said
    assert " of may.csv: true" in said or " of june.csv: true" in said
    run("predict", model, *two, "-o", tmp_path / out)
    with (tmp_path / out).open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == ["may.csv"] * CUT + ["june.csv"] * (400 - CUT)
    run("predict", model, files / "all.csv", "-o", tmp_path / out)
    with (tmp_path / out).open() as stream:
        alone = list(csv.DictReader(stream))
    assert [row["raw"] for row in alone] == [row["raw"] for row in rows]
    assert "file" not in alone[0]
    given = [word for path in two for word in ("--data", path)]
    run("card", model, *given, "-o", tmp_path / "card.md")
    turned = [word for path in two[::-1] for word in ("--data", path)]
    failed = CliRunner().invoke(main, ["card", str(model), *map(str, turned), "-o", "card.md"])
    assert failed.exit_code == 2 and "the model was trained on" in failed.output


def test_rows_for_a_model_of_one_file(files):
    inputs = prepare(load_table(files / "all.csv"), "power").inputs
    one, two = rows_for(inputs, load_table(files / "all.csv")), rows_for(inputs, both(files))
    assert (one[0] == two[0]).all() and one[1] == two[1]


def test_grids_with_equal_inputs_stay_on_one_side(tmp_path):
    """Equal inputs train or test together, whichever file they stand in."""
    for name in "ab":
        text = grid(80, line=lambda i, n=name: f"{i % 40},{i % 8},{i + (n == 'b')}")
        (tmp_path / f"{name}.csv").write_text(text)
    dataset = prepare(load_tables([tmp_path / "a.csv", tmp_path / "b.csv"]), "y")
    trained = {tuple(row) for row in dataset.x[dataset.train].tolist()}
    assert not trained & {tuple(row) for row in dataset.x[dataset.test].tolist()}
    assert {line.split(" of ")[1] for line in map(dataset.provenance.line, dataset.test)} == {
        "a.csv",
        "b.csv",
    }
