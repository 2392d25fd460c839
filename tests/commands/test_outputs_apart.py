"""No command writes a file that it reads, or one file twice."""

import os
import stat
from itertools import combinations
from pathlib import Path

import click
import pytest

from tinygen import cli
from tinygen.commands.report import report
from tinygen.common.errors import UsageError
from tinygen.common.files import require_apart, write_whole

LOOP = "is a link that leads to itself"
GOLDEN = Path(__file__).parent.parent / "golden/house"
FILES = {
    name: [p for p in command.params if isinstance(p.type, click.Path)]
    for name, command in cli.main.commands.items()
}
PAIRS = [
    (name, one.name, other.name)
    for name, params in FILES.items()
    for one, other in combinations(params, 2)
    if any(isinstance(p, click.Option) and p.name not in cli.READ for p in (one, other))
]

PRECIOUS, SPEC = "# precious", "spec.toml"  # both are spec files without a field


def line(name: str, same: set[str]) -> list[str]:
    """A command line in which these parameters name one file, and every other a file of its own."""
    words = [name]
    for p in cli.main.commands[name].params:
        value = "same" if p.name in same else SPEC if p.name == "spec" else f"{p.name}.other"
        if isinstance(p.type, click.Path):
            words += [value] if isinstance(p, click.Argument) else [p.opts[-1], value]
        elif p.required:
            value = p.type.choices[0] if isinstance(p.type, click.Choice) else "1"
            words += [value] if isinstance(p, click.Argument) else [p.opts[-1], value]
    return words


def status(words: list[str], capsys) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize("name, one, other", PAIRS)
def test_every_command_refuses(name, one, other, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "same").write_text(PRECIOUS)
    (tmp_path / SPEC).write_text("")
    code, words = status(line(name, {one, other}), capsys)
    assert code == 2 and words.count("\n") == 1 and "is also" in words and "same" in words
    assert {path.name for path in tmp_path.iterdir()} == {"same", SPEC}
    assert (tmp_path / "same").read_text() == PRECIOUS


@pytest.mark.parametrize("name", [name for name, params in FILES.items() if len(params) > 1])
def test_files_of_their_own_are_not_refused(name, tmp_path, monkeypatch, capsys):
    """Negative control: the same lines with different names end for another reason."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / SPEC).write_text("")
    assert "is also" not in status(line(name, set()), capsys)[1]


def test_a_further_model_is_read_and_not_written(tmp_path, monkeypatch, capsys):
    """Named twice it would not be lost; the command itself says what is wrong with it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / SPEC).write_text("")
    assert "is also" not in status(line("stream", {"model", "beside"}), capsys)[1]
    code, words = status(line("stream", {"out", "beside"}), capsys)
    assert code == 2 and "is also --with" in words


def test_a_table_among_those_of_a_folder_that_is_read(tmp_path):
    """It would replace a recording, or be read as one the next time."""
    folder = tmp_path / "recordings"
    (folder / "deeper").mkdir(parents=True)
    (folder / "walk-01.csv").write_text("a,b\n")
    (tmp_path / "link").symlink_to(folder)
    for name in ("recordings/walk-01.csv", "recordings/deeper/new.TSV", "link/new.txt"):
        with pytest.raises(UsageError, match=r"\(-o\) is among the files of CSV, all of which"):
            require_apart({"CSV": (folder,)}, {"-o": tmp_path / name})
    for name in ("recordings/model.json", "recordings", "new.csv"):
        require_apart({"CSV": (folder,)}, {"-o": tmp_path / name})
    require_apart({}, {"-o": folder, "--log": folder / "log.csv"})  # written, not read


def test_a_page_does_not_replace_the_ladder(tmp_path):
    (tmp_path / "m.search.json").write_text(PRECIOUS)
    with pytest.raises(UsageError, match="is also the ladder of MODEL"):
        report(tmp_path / "m.json", tmp_path / "m.search.json")
    assert (tmp_path / "m.search.json").read_text() == PRECIOUS


def test_other_names_of_one_file(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n")
    (tmp_path / "link.csv").symlink_to("rows.csv")
    os.link(tmp_path / "rows.csv", tmp_path / "hard.csv")
    (tmp_path / "folder").mkdir()
    for name in ("rows.csv", "link.csv", "hard.csv", "folder/../rows.csv"):
        with pytest.raises(UsageError, match=r"\(-o\) is also CSV"):
            require_apart({"CSV": tmp_path / "rows.csv"}, {"-o": tmp_path / name})
    with pytest.raises(UsageError, match=r"\(--log\) is also -o"):
        require_apart({}, {"-o": tmp_path / "new", "--log": tmp_path / "folder/../new"})
    require_apart({"CSV": tmp_path / "rows.csv"}, {"-o": tmp_path / "folder"})
    require_apart({}, {"-o": "/dev/null", "--log": "/dev/null"})


def test_a_folder_s_files_are_outputs_too(tmp_path, monkeypatch, capsys):
    """`emit` writes library.json, `build` platformio.ini, `train` a ladder beside the model."""
    monkeypatch.chdir(tmp_path)
    model = (GOLDEN / "tree-regression.json").read_text()
    for name, words in (
        ("library.json", ["emit", "library.json", "-o", "."]),
        ("platformio.ini", ["export", "platformio.ini", "-o", ".", "--as", "firmware"]),
        ("platformio.ini", ["build", "platformio.ini", "-o", "."]),
        ("a.search.json", ["train", "a.search.json", "--target", "y", "-o", "a.json"]),
    ):
        (tmp_path / name).write_text(model)
        code, said = status(words, capsys)
        assert code == 2 and said.count("\n") == 1 and f"{name}' (" in said and "is also" in said
        assert (tmp_path / name).read_text() == model
        assert [path.name for path in tmp_path.iterdir() if path.name != ".tinygen"] == [name]
        (tmp_path / name).unlink()
    (tmp_path / "m.json").write_text(model)
    assert status(["emit", "m.json", "-o", "."], capsys)[0] == 0  # the model may lie there
    assert (tmp_path / "m.json").read_text() == model and (tmp_path / "library.json").exists()


@pytest.mark.parametrize(
    "words, named",
    [
        ("train r.csv --target y -o r.csv", "is also CSV: "),
        ("monitor m.json r.csv --html r.csv", "is also LOG.csv: "),
        ("predict m.json r.csv -o m.json", "is also MODEL.json: "),
    ],
)
def test_a_file_is_named_as_the_help_names_it(words, named, tmp_path, monkeypatch, capsys):
    """Not CSVS or LOG, which are names inside the program."""
    monkeypatch.chdir(tmp_path)
    for name in ("r.csv", "m.json"):
        (tmp_path / name).write_text("a,y\n")
    code, said = status(words.split(), capsys)
    assert code == 2 and named in said


# ---- permissions and links ----


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_has_the_permissions_that_the_user_gives(mask, tmp_path):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "new.txt", "new")
        (tmp_path / "narrow.txt").write_text("old")
        (tmp_path / "narrow.txt").chmod(0o600)
        write_whole(tmp_path / "narrow.txt", "new")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.txt").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "narrow.txt").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "words",
    [
        "train rows.csv --target gas -o loop.json",
        "convert rows.csv --data rows.csv --target gas -o loop.json",
        "convert loop.json --data rows.csv --target gas -o fresh.json",
        "predict loop.json rows.csv",
        "predict gas.json rows.csv -o loop.json",
        "emit gas.json -o loop.json",
        "build gas.json -o loop.json",
    ],
)
def test_a_link_that_leads_to_itself_is_told(words, there, run):
    Path("loop.json").symlink_to("loop.json")
    told = run(words)
    assert told.code == 2 and "internal error" not in told.err, told
    assert LOOP in told.err or "does not exist or is no file" in told.err, told
