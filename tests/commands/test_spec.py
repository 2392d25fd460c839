"""`tinygen.toml`: each field is the default of the options that mean the same, a flag wins, and a
file that is not as it should be is one line.
"""

import os
from pathlib import Path

import click
import msgspec
import pytest
from cli_files import COMMANDS, contents

from tinygen import cli
from tinygen.commands import _spec, _spec_file, build
from tinygen.commands.init import render
from tinygen.common.boards import BOARDS, ROLES
from tinygen.common.choices import DATE_ORDERS, OPTIMIZE, SPLITS, TASKS
from tinygen.target import build as compiling

FULL = """
data = ["rows.csv", "more.csv"]
model = "gas.json"
name = "nose"
target = "gas"
inputs = ["heat", "damp"]
categories = ["place"]
time-inputs = ["hour"]
date-order = "month"
missing = [-200, "n/a"]
skip-bad = true
split = "time"
task = "regression"
seed = 3
family = "ridge"
threshold = 20
alarm-below = 5.5
alarm-cost = "5:1"
max-inputs = 2
robust = true
balance = false
optimize = "size"
board = "nanoatmega328"
[units]
damp = "%"
[budget]
flash = 900
ram = 60
cycles = 9000
[pins]
red = 7
green = 8
[protocol]
port = "sim"
baud = 115200
window = 3
tries = 4
pace = 0.5
reconnect = 2
[out]
build = "firmware"
emit = "library"
guard = "guard.json"
predict = "answers.csv"
report = "gas.html"
card = "CARD.md"
"""
# options of the same name that mean something else
OTHER = {
    ("build", "port"),  # only with --upload
    ("convert", "source"),
    ("demo", "data"),  # the folder of the UCI file
    ("demo", "out"),
    *(("demo", f"{role}_pin") for role in ROLES),  # no file tells the demo anything
    ("guard", "family"),  # other families than train's
    ("guard", "name"),  # a guard is another model, which may be in the same program
    ("emit", "optimize"),  # as it was trained
    ("export", "optimize"),
    ("export", "out"),  # another folder for each format
    ("verify", "data"),  # what the manifest names
    ("monitor", "port"),  # with it rows are streamed, without it a log is read
    ("monitor", "window"),  # rows judged together, not rows on their way
    ("pick", "target"),  # whose ladder is meant
    ("recalibrate", "csv"),  # readings with a reference, not the rows it was trained on
    ("recalibrate", "out"),  # another model file
    ("recalibrate", "port"),  # with it the board is told, not a file
    ("pick", "out"),  # would replace the model that was trained
    ("stream", "out"),  # the answers of a run
    ("record", "out"),  # another folder for each thing that is recorded
    ("record", "seed"),  # of a machine, not of the search
}


LEFT = {  # what no file gives
    "convert": ["model.skops"],
    "export": ["--as", "header", "-o", "lib"],
    "monitor": ["gas.json", "log.csv"],
    "record": ["--channels", "A0", "--rate", "50", "-o", "rec"],
}


def values(command: str, *words: str) -> dict:
    """What the function of a command would be given."""
    return cli.main.commands[command].make_context(command, list(words)).params


@pytest.fixture
def spec(here):
    """`here` with every field in its tinygen.toml."""
    (here / "tinygen.toml").write_text(FULL)
    return here


# ---- the table against the options that exist ----


def test_every_field_is_the_default_of_an_option_that_exists():
    fields = {
        name.replace("-", "_")
        for name in _spec_file.field_names()  # as the file spells them
    }
    assert {field for field, _, _ in _spec.TABLE} == fields
    for field, parameter, commands in _spec.TABLE:
        for command in commands:
            names = {p.name for p in cli.main.commands[command].params}
            assert parameter in names, (field, command)


def test_every_option_of_the_same_meaning_has_its_field():
    named = {parameter for _, parameter, _ in _spec.TABLE}
    mapped = {(command, name) for _, name, commands in _spec.TABLE for command in commands}
    for command in COMMANDS:
        for parameter in cli.main.commands[command].params:
            if parameter.name in named and (command, parameter.name) not in mapped:
                assert (command, parameter.name) in OTHER, (command, parameter.name)
    assert not mapped & OTHER


def test_the_page_names_every_field():
    page = (Path(__file__).parents[2] / "docs" / "spec.md").read_text()
    for name in _spec_file.field_names():
        assert f"`{name}`" in page
    example = page.split("```toml\n")[1].split("```")[0]
    assert msgspec.toml.decode(example, type=_spec_file.Spec).budget.flash == 450


def test_a_command_takes_the_file_if_a_field_is_for_it():
    readers = {command for _, _, commands in _spec.TABLE for command in commands}
    for name, command in cli.main.commands.items():
        assert isinstance(command, _spec.FromSpec) == (name in readers), name


def test_bounds_and_words_are_those_of_the_options():
    for field, parameter, commands in _spec.TABLE:
        option = next(p for p in cli.main.commands[commands[0]].params if p.name == parameter)
        kind = _spec_file.Spec
        for part in field.split("."):
            kind = next(f.type for f in msgspec.structs.fields(kind) if f.name == part)
        if isinstance(option.type, click.IntRange | click.FloatRange):
            for value in (option.type.min, option.type.max):
                if value is not None:
                    assert msgspec.convert(value, kind) == value
                    outside = value + (1 if value == option.type.max else -1)
                    with pytest.raises(msgspec.ValidationError):
                        msgspec.convert(outside, kind)
        if isinstance(option.type, click.Choice):
            assert tuple(option.type.choices) == _spec_file.WORDS[field]
    assert _spec_file.WORDS == {
        "split": SPLITS,
        "task": TASKS,
        "optimize": OPTIMIZE,
        "date_order": DATE_ORDERS,
    }


# ---- what the commands get ----


def test_every_command_works_from_it(spec):
    got = values("train")
    files = (Path("rows.csv"), Path("more.csv"))
    assert (got["csvs"], got["target"], got["inputs"]) == (files, ("gas",), ("heat", "damp"))
    assert (got["categories"], got["time_inputs"]) == (("place",), ("hour",))
    assert got["date_order"] == "month"
    assert (got["threshold"], got["alarm_below"], got["max_flash"]) == (20.0, 5.5, 900)
    assert (got["missing"], got["unit"]) == (("-200", "n/a"), ("damp=%",))
    assert (got["skip_bad"], got["robust"], got["balance"]) == (True, True, False)
    assert got["out"] == Path("gas.json") and got["board"] == "nanoatmega328"
    assert values("convert", "model.skops")["csvs"] == files
    assert values("explain")["csv"] is None  # it takes one file
    assert values("stream")["model"] == Path("gas.json") and values("stream")["baud"] == 115200
    assert values("build")["out"] == Path("firmware") and values("build")["baud"] == 115200
    for command in ("build", "emit", "stream"):
        got = [values(command)[f"{role}_pin"] for role in ROLES]
        assert got == [7, 8, None, None]
    assert values("guard")["out"] == Path("guard.json")
    assert values("report")["data"] == files
    assert values("monitor", "gas.json", "log.csv")["window"] is None
    for command in sorted({command for _, _, commands in _spec.TABLE for command in commands}):
        values(command, *LEFT.get(command, []))  # nothing is missing
    assert values("record", *LEFT["record"])["baud"] == 115200


def test_a_flag_wins(spec):
    got = values("train", "other.csv", "--target", "damp", "--max-flash", "100", "--missing", "-1")
    assert (got["csvs"], got["target"]) == ((Path("other.csv"),), ("damp",))
    assert (got["max_flash"], got["missing"]) == (100, ("-1",))
    assert values("stream", "other.json")["csvs"][0] == Path("rows.csv")
    got = values("build", "--red-pin", "3")
    assert (got["red_pin"], got["green_pin"]) == (3, 8)


def test_paths_are_relative_to_the_file(spec, monkeypatch):
    (spec / "a folder" / "mine.toml").write_text('data = "../rows.csv"\ntarget = "gas"\n')
    got = values("train", "--spec", "a folder/mine.toml", "-o", "gas.json")
    assert got["csvs"] == (Path("a folder/../rows.csv"),)
    assert got["family"] == "auto"  # this file is read instead of the folder's
    monkeypatch.chdir(spec / "a folder")
    assert values("train", "--spec", "../tinygen.toml")["out"] == Path("../gas.json")


def test_without_a_file_nothing_changes(here, run):
    assert "MODEL.json" in run("emit").err and run("emit").code == 2
    assert not cli.main.commands["train"].make_context("train", ["r", "--target=x", "-om"]).meta


def test_a_guard_without_inputs_does_not_watch_the_target(here):
    (here / "tinygen.toml").write_text('data = "rows.csv"\ntarget = "gas"\ndrop = ["heat"]\n')
    assert values("guard", "-o", "guard.json")["drop"] == ("heat", "gas")
    assert values("data")["drop"] == ("heat",)


def test_a_column_name_may_hold_a_comma(here):
    (here / "tinygen.toml").write_text('data = "rows.csv"\ninputs = ["a,b", "c"]\n')
    assert values("data", "--target", "gas")["inputs"] == ("a,b", "c")


def test_help_tells_which_defaults_are_the_files(spec, run):
    done = run("train --help")
    assert done.code == 0 and "From tinygen.toml:" in done.out
    for line in (
        "CSV... = rows.csv more.csv",
        "--target gas",
        "--inputs heat,damp",
        "--max-flash 900",
    ):
        assert f"  {line}\n" in done.out
    assert "From" not in run("boards --help").out


def test_rows_to_answers_without_an_option(here, run, monkeypatch):
    (here / "tinygen.toml").write_text(
        'data = "rows.csv"\nmodel = "gas.json"\ntarget = "gas"\nfamily = "ridge"\n'
        'threshold = 20\n[out]\nemit = "library"\npredict = "answers.csv"\n'
    )
    assert run("data").code == 0
    assert run("train").code == 0 and (here / "gas.json").is_file()
    assert run("predict").code == 0 and (here / "answers.csv").read_text().count("\n") == 161
    assert run("emit").code == 0 and (here / "library" / "gas.h").is_file()
    rates = []

    def compiled(project, chip, *_):
        rates.append(chip)
        image = project.directory / f".pio/build/{chip.pio_id}/firmware.hex"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_text(":00000001FF\n")

    monkeypatch.setattr(compiling, "build_firmware", compiled)
    for baud in (57_600, None):
        build.build(here / "gas.json", "uno", here / "firmware", baud=baud)
        rate = baud or BOARDS["uno"].baud
        assert f"-DTINYGEN_BAUD={rate}L" in (here / "firmware/platformio.ini").read_text()
        assert rates.pop().baud == rate
    before = contents(here)
    done = run("train -o tinygen.toml")
    assert done.code == 2 and "is also the spec file" in done.err and contents(here) == before


def test_what_init_writes_works_with_each_comment_taken_out(here):
    text = render((BOARDS["uno"],))["tinygen.toml"]
    (here / "all.toml").write_text(text.replace("\n# ", "\n").split("\n", 3)[3])
    (here / "as_it_is.toml").write_text(text)
    every = _spec_file.read_spec(here / "all.toml")
    assert set(every) > set(_spec_file.read_spec(here / "as_it_is.toml"))
    assert every["budget.flash"] == 450 and every["units"] == {"T": "degC"}


# ---- what is refused ----

WRONG = {
    "budget = {flash = -3}": "budget.flash is -3: expected a whole number >= 0",
    "protocol = {baud = 7}": "protocol.baud is 7: expected a whole number >= 300",
    "seed = 'a'": "seed is 'a': expected a whole number, got a text",
    "seed = 99999999999999999999": "expected a whole number <= 9223372036854775807",
    "seed = true": "seed is true: expected a whole number, got true or false",
    "threshold = nan": "threshold is nan: write a finite number",
    "protocol = {pace = -inf}": "protocol.pace is -inf: write a finite number",
    "threshold = 1979-05-27": "threshold is 1979-05-27: expected a number, got a date",
    "thresold = 3": "no field 'thresold': the nearest is threshold",
    "alarm_below = 3": "no field 'alarm_below': the nearest is alarm-below",
    "max-flash = 3": "no field 'max-flash': the nearest is budget.flash",
    "budget = {flahs = 3}": "no field 'budget.flahs': the nearest is budget.flash",
    "split = 'tim'": "split is 'tim': it is one of random, time, the nearest is time",
    "inputs = ['a', 1]": "inputs[1] is 1: expected a text, got a whole number",
    "inputs = 'a,b'": "inputs is 'a,b': expected a list, got a text",
    "units = {T = 3}": "units.T is 3: expected a text, got a whole number",
    "units = {'' = 'm'}": "a name in units is empty or longer",
    "budget = 3": "budget is 3: expected a table, got a whole number",
    "data = ''": "data is '': expected a text of length >= 1",
    'data = "a\\u0000b"': "data has a control character in 'a\\x00b'",
    '"a\\nb" = 1': "a field's name has a control character",
    "x =": "not TOML: Invalid value (at",
    "seed = 1\nseed = 2": "not TOML: Cannot overwrite a value",
    "a = " + "[" * 5_000: "nested too deep",
    "seed = " + "9" * 5_000: "a number has too many digits",
    ".".join("a" * 900) + " = 1": "line 1 has more than 500 dots",
    "#" * 70_000: "has 70,000 bytes, at most 65,536 are read",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:25])
def test_a_wrong_file_is_one_line_and_nothing_is_written(here, run, text):
    (here / "tinygen.toml").write_text(text)
    before = contents(here)
    done = run("train rows.csv --target gas -o gas.json")
    assert (done.code, done.out) == (2, "") and done.err.count("\n") == 1
    assert WRONG[text] in done.err and "tinygen.toml" in done.err
    assert contents(here) == before


def test_what_is_no_file_is_one_line(here, run):
    (here / "bytes.toml").write_bytes(b'data = "\xff"')
    os.symlink("loop.toml", here / "loop.toml")
    for path in ("nowhere.toml", "'a folder'", "/dev/zero", "bytes.toml", "loop.toml"):
        done = run(f"emit --spec {path}")
        assert done.code == 2 and done.err.count("\n") == 1 and path.strip("'") in done.err
    os.symlink("gone", here / "tinygen.toml")  # is there, and does not work: not passed over
    assert run("emit").code == 2 and "tinygen.toml" in run("emit").err
