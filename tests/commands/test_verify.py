"""`tinygen verify`: the same bytes where nothing was changed, and of each change its name; nothing
outside of the folder is read, and nothing of it is run.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import msgspec
import pytest
from cli_files import QUICK, table

from tinygen.commands._made import _remove_earlier, made_of
from tinygen.common.boards import BOARDS
from tinygen.common.jinja import environment
from tinygen.model.model import load
from tinygen.target import avr_gcc, platformio_core, selftest
from tinygen.target.manifest import Manifest, read_manifest, save_manifest, sum_of
from tinygen.target.manifest.versions import changed_versions, versions

HEADER, SOURCE, HEX = "include/gas.h", "src/main.cpp", ".pio/build/uno/firmware.hex"
GUARD = "guard rows.csv --drop gas -o guard.json"


@pytest.fixture
def built(trained, tmp_path, monkeypatch):
    """The folder of the build that the session made, to be changed; a test stands beside it."""
    shutil.copytree(trained.folder, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here" / "firmware"


@pytest.fixture(scope="module")
def guard_folder(tmp_path_factory):
    """Folder of a guard, which is the model that is made fastest, and its rows."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "rows.csv").write_text(table())
    tinygen("--reproducible", *GUARD.split(), cwd=folder)
    return folder


@pytest.fixture
def guard(guard_folder, tmp_path, monkeypatch):
    """A copy of it, to be changed."""
    shutil.copytree(guard_folder, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def tinygen(*words, cwd, **others) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("tinygen")), *words],
        cwd=cwd,
        env={**os.environ, **others},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def sign(path: Path, change) -> None:
    """A manifest as somebody writes it who knows how its sum is made: `change` gets plain JSON."""
    plain = json.loads(path.read_text())
    change(plain)
    manifest = msgspec.convert(plain, Manifest)
    save_manifest(path, manifest.versions, manifest.models, manifest.firmware)


def sums(folder: Path):
    """A change that gives the files of a build the sums that they have."""

    def change(plain):
        for kind in ("headers", "sources", "hex"):
            for name in plain["firmware"][kind]:
                content = (folder / name).read_bytes()
                plain["firmware"][kind][name] = sum_of(content)

    return change


# ---- the same bytes ----


def test_a_build_is_the_same_bytes(built, run):
    told = run("verify firmware")
    assert told.code == 0 and told.out.endswith("same bytes\n"), told.out
    assert f"hex              same bytes: {HEX}" in told.out
    assert "not compared, and no model is made anew: --data rows.csv" in told.out


def test_a_model_is_made_anew_and_no_module_is_taken_from_where_one_stands(guard):
    """In a process of its own, whose folder has modules in it that would do harm."""
    for name in ("json", "tinygen", "click", "numpy"):
        (guard / f"{name}.py").write_text("open('taken', 'w'); raise SystemExit(9)\n")
    told = tinygen("verify", "guard.json", "--data", "rows.csv", "--json", cwd=guard)
    found = json.loads(told)
    assert (found["same"], found["versions"]) == (True, [])
    stages = {stage["name"]: stage["said"] for stage in found["stages"]}
    assert stages["model"] == "same bytes, made anew by `tinygen guard`: guard.json"
    assert not (guard / "taken").exists()


def test_a_manifest_has_nothing_of_the_machine(built):
    for path in (built / "manifest.json", built.parent / "gas.manifest.json"):
        text = path.read_text()
        assert text.isascii() and platform.node() not in text and str(Path.home()) not in text
        assert "/tmp" not in text and str(built.parent) not in text
    made = read_manifest(built / "manifest.json").models[0]
    assert made.making.options["target"] == ["gas"] and made.making.options["family"] == "ridge"
    assert made == read_manifest(built.parent / "gas.manifest.json").models[0]
    assert [one.name for one in made.making.read["csvs"]] == ["rows.csv"]


KERNELS = ("Prescott", "Haswell", "SkylakeX")


def test_any_kernel_and_number_of_threads_gives_the_same_bytes(level, simavr, tmp_path):
    """A whole training and build by the command line, on what this processor can run."""
    if level != "release":
        pytest.skip("six trainings: --level release")
    (tmp_path / "rows.csv").write_text(table())
    tinygen("--reproducible", *QUICK.split(), "-o", "gas.json", cwd=tmp_path)
    tinygen(*["build", "gas.json", "--board", "uno", "-o", "firmware"], cwd=tmp_path)
    for kernel, threads in product(KERNELS, ("1", "2")):
        told = tinygen(
            *["verify", "firmware", "--data", "rows.csv"],
            cwd=tmp_path,
            OPENBLAS_CORETYPE=kernel,
            OPENBLAS_NUM_THREADS=threads,
            OMP_NUM_THREADS=threads,
        )
        assert "model            same bytes, made anew by `tinygen train`" in told
        assert told.endswith("same bytes\n"), f"{kernel}, {threads} threads"


# ---- each change is named ----


def row(built, patch):
    edit(built.parent / "rows.csv", "\n", "\n1,2,3\n")
    return "data", "rows.csv was changed"


def coefficient(built, patch):
    path = built / "models/gas.json"
    digit = path.read_text().index('"bias"')
    text = path.read_text()
    place = next(k for k in range(digit, len(text)) if text[k] in "123456789")
    path.write_text(text[:place] + str(int(text[place]) - 1) + text[place + 1 :])
    return "model", "models/gas.json was changed"


def header(built, patch):
    edit(built / HEADER, "#define GAS", "#define  GAS")
    return "header", f"{HEADER} was edited: line "


def template(built, patch):
    loader = environment("c").loader
    source = type(loader).get_source

    def changed(self, environment, name):
        text, path, _ = source(self, environment, name)
        return text.replace("#define", "#define ", 1), path, lambda: False

    patch.setattr(type(loader), "get_source", changed)
    environment("c").cache.clear()
    return "header", "is made otherwise now: line "


def firmware_source(built, patch):
    edit(built / SOURCE, "#include", "// mine\n#include")
    return "firmware source", f"{SOURCE} was edited: line "


def another_source(built, patch):
    (built / "src/more.cpp").write_text("int more;\n")
    return "firmware source", "src/more.cpp is not of this build, and would be compiled"


def hex_byte(built, patch):
    lines = (built / HEX).read_text().splitlines()
    lines[3] = lines[3][:9] + ("0" if lines[3][9] != "0" else "1") + lines[3][10:]
    (built / HEX).write_text("\n".join(lines) + "\n")
    return "hex", f"{HEX} was changed"


def compiler(built, patch):
    """As if another compiler had made another hex file."""
    hex_byte(built, patch)
    sign(
        built / "manifest.json",
        lambda plain: (
            sums(built)(plain),
            plain["firmware"]["compiler"].update({"avr-gcc": "5.4.0"}),
        ),
    )
    return "hex", "versions         avr-gcc 5.4.0 then, 7.3.0 now"


def tinygen_version(built, patch):
    """As if an earlier tinygen had written the headers."""
    edit(built / HEADER, "tinygen 0.1.0", "tinygen 0.0.9")
    sign(
        built / "manifest.json",
        lambda plain: (sums(built)(plain), plain["versions"].update(tinygen="0.0.9")),
    )
    return "header", "versions         tinygen 0.0.9 then, 0.1.0 now"


def manifest_cut(built, patch):
    path = built / "manifest.json"
    path.write_text(path.read_text()[:-40])
    return "manifest", "manifest.json is cut off or no JSON"


def manifest_edited(built, patch):
    edit(built / "manifest.json", '"seed": 0', '"seed": 1')
    return "manifest", "it does not have the sum it states"


def manifest_spaced(built, patch):
    edit(built / "manifest.json", "{\n", "{ \n")
    return "manifest", "tinygen writes it otherwise"


def hex_gone(built, patch):
    (built / HEX).unlink()
    return "hex", f"{HEX} is missing"


CHANGES = (
    row,
    coefficient,
    header,
    template,
    firmware_source,
    another_source,
    hex_byte,
    compiler,
    tinygen_version,
    manifest_cut,
    manifest_edited,
    manifest_spaced,
    hex_gone,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_was_changed_is_named(change, built, run, monkeypatch):
    try:
        stage, words = change(built, monkeypatch)
        told = run("verify firmware" + (" --data rows.csv" if change is row else ""))
    finally:
        environment("c").cache.clear()
    assert told.code == 1 and told.err.count("internal error") == 0
    assert told.out.endswith(f"DIFFERS at the {stage}\n") and words in told.out, told.out


def test_another_option_is_named(guard, run):
    """Its manifest is signed anew: only the model that comes out can tell."""
    change = lambda plain: plain["models"][0]["making"]["options"].update(seed=1)
    sign(guard / "guard.manifest.json", change)
    told = run("verify guard.json --data rows.csv")
    assert told.code == 1 and told.out.endswith("DIFFERS at the model\n")
    assert "training.seed is 0, made anew is 1" in told.out


def test_other_flags_of_the_bare_compiler_are_named(built, run, monkeypatch):
    assert run("build gas.json --board attiny85 -o tiny").code == 0
    assert run("verify tiny").out.endswith("same bytes\n")
    others = tuple("-O2" if word == "-Os" else word for word in avr_gcc.OPTIONS)
    for module in (avr_gcc, selftest):
        monkeypatch.setattr(module, "OPTIONS", others)
    told = run("verify tiny")
    assert told.code == 1 and "-Os" in told.out and "-O2" in told.out
    assert told.out.endswith("DIFFERS at the firmware source\n")


def test_other_flags_of_the_project_are_named(level, built, run, monkeypatch):
    if level != "release":
        pytest.skip("compiles the Arduino core anew: --level release")
    content = platformio_core._content
    script = "platforms/atmelavr/builder/main.py"

    def changed(core):
        found = content(core)
        return {**found, script: found[script].replace('"-Os", "-Wall"', '"-O3", "-Wall"')}

    monkeypatch.setattr(platformio_core, "_content", changed)
    told = run("verify firmware")
    assert told.code == 1 and "compiled anew it has other bytes" in told.out


def test_other_versions_that_give_the_same_bytes_are_no_difference(guard, run):
    sign(guard / "guard.manifest.json", lambda plain: plain["versions"].update(python="3.99.0"))
    told = run("verify guard.json")
    assert told.code == 0 and "in spite of python 3.99.0 then" in told.out
    then = {**versions(), "tinygen files": "0" * 64}
    assert changed_versions(then, versions()) == ["other tinygen files"]


# ---- what the options of a build are ----


def test_pins_rate_several_models_and_recalibration_are_made_anew(level, built, run):
    if level != "release":
        pytest.skip("two builds: --level release")
    line = "build gas.json --board uno --baud 57600 --red-pin 4 --recalibrate -o other"
    assert run(line).code == 0
    assert run("verify other").out.endswith("same bytes\n")
    assert run("guard rows.csv --drop gas -o guard.json").code == 0
    assert run("build gas.json guard.json --board uno -o both").code == 0
    assert run("verify both --data rows.csv").out.endswith("same bytes\n")
    assert run("build guard.json --board uno -o both").code == 0
    assert run("verify both").out.endswith("same bytes\n")
    assert not Path("both/include/gas.h").exists() and Path("both/include/guard.h").is_file()


# ---- hostile ----


def paths(plain, name):
    plain["firmware"]["sources"][name] = "0" * 64


HOSTILE = {
    "beside": lambda p: paths(p, "../rows.csv"),
    "absolute": lambda p: paths(p, "/etc/passwd"),
    "board": lambda p: p["firmware"].update(board="../uno"),
    "pins": lambda p: p["firmware"].update(pins={"red": 250}),
    "name": lambda p: p["models"][0].update(name="other"),
    "two": lambda p: p["models"].append(p["models"][0]),
    "option": lambda p: p["models"][0]["making"]["options"].update(dask="tcp://1.2.3.4:1"),
    "path": lambda p: p["models"][0]["making"]["options"].update(out="../../out.json"),
    "value": lambda p: p["models"][0]["making"]["options"].update(optimize="--help"),
    "kind": lambda p: p["models"][0]["making"]["options"].update(seed=["x"]),
    "read": lambda p: p["models"][0]["making"]["read"].update(target=[]),
}
ODD = "is not as tinygen writes it"
WRONG = {  # what is changed in a manifest, and what is said of it
    "command": (
        lambda p: p["models"][0]["making"].update(command="setup"),
        f"models[0].making.command {ODD}",
    ),
    "file": (lambda p: p["models"][0].update(file="../gas.json"), f"models[0].file {ODD}"),
    "dots": (lambda p: p["models"][0].update(file=".."), f"models[0].file {ODD}"),
    "type": (lambda p: p.update(models={}), f"models {ODD}"),
    "sum": (lambda p: p["models"][0].update(sha256="x"), f"models[0].sha256 {ODD}"),
    "role": (lambda p: p["firmware"].update(pins={"purple": 7}), f"firmware.pins {ODD}"),
    "none": (lambda p: p.update(models=[]), f"models {ODD}"),
    "schema": (lambda p: p.update(schema=2), f"schema {ODD}"),
    "unknown": (lambda p: p.update(more=1), "it has an unknown part 'more'"),
    "unknown in a model": (
        lambda p: p["models"][0].update({"x` - at `$.y": 1}),
        "has an unknown part 'x` - at `$.y'",
    ),
    "no models": (lambda p: p.pop("models"), "it has no 'models'"),
    "no hex": (lambda p: p["firmware"].pop("hex"), "firmware has no 'hex'"),
    "no file": (lambda p: p["models"][0].pop("file"), "models[0] has no 'file'"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_manifest_is_one_difference(case, built, run, monkeypatch):
    """It is signed, and its types are right."""
    sign(built / "manifest.json", HOSTILE[case])
    before = sorted(built.parent.parent.rglob("*"))
    monkeypatch.setattr("tinygen.commands._again.run", refused)
    making = case in ("option", "path", "read", "value", "kind")
    told = run("verify firmware" + " --data rows.csv" * making)
    assert told.code == 1 and "DIFFERS at the" in told.out and not told.err.count("Traceback")
    assert sorted(built.parent.parent.rglob("*")) == before


def refused(*words):
    raise AssertionError(f"was run: {words}")


@pytest.mark.parametrize("case", WRONG)
def test_a_manifest_of_another_form_is_none(case, built, run):
    path = built / "manifest.json"
    plain = json.loads(path.read_text())
    change, words = WRONG[case]
    change(plain)
    path.write_text(json.dumps(plain))
    told = run("verify firmware")
    line, last = told.out.splitlines()
    assert told.code == 1 and last == "DIFFERS at the manifest"
    assert "manifest.json is not one of tinygen's, " in line and "$" not in line.replace(words, "")
    assert line.endswith(f"{words}: build the folder again")


def test_of_a_models_manifest_the_model_is_what_to_make_again(guard, run):
    path = guard / "guard.manifest.json"
    plain = json.loads(path.read_text())
    del plain["versions"]
    path.write_text(json.dumps(plain))
    line = run("verify guard.json").out.splitlines()[0]
    assert line.endswith("not one of tinygen's, it has no 'versions': make the model again")


@pytest.mark.parametrize("text", ["", "[]", "1e999", "[" * 100_000, '{"schema": 1e999}', "\0"])
def test_a_manifest_of_anything_is_one_line(text, built, run):
    (built / "manifest.json").write_text(text)
    told = run("verify firmware")
    assert told.code == 1 and "DIFFERS at the manifest" in told.out and not told.err


def test_links_and_devices_and_huge_files_are_not_read(built, run):
    header = built / HEADER
    text = header.read_text()
    for make, words in (
        (lambda: header.symlink_to(header), "is a link"),
        (lambda: header.symlink_to("/dev/zero"), "is a link"),
        (lambda: os.mkfifo(header), "no regular file"),
        (lambda: header.mkdir(), "no regular file"),
        (lambda: sparse(header), "at most 16,000,000 are compared"),
    ):
        header.unlink()
        make()
        told = run("verify firmware")
        assert told.code == 1 and f"{HEADER} " in told.out and words in told.out
        header.rmdir() if header.is_dir() else header.unlink()
        header.write_text(text)
    (built / "lib").symlink_to("/")
    assert "lib is not of this build" in run("verify firmware").out


def sparse(path: Path) -> None:
    with open(path, "wb") as stream:
        stream.truncate(10**12)


def test_a_folder_of_links_is_not_walked(built, run):
    shutil.move(built / "include", built / "elsewhere")
    (built / "include").symlink_to("include")
    told = run("verify firmware")
    assert told.code == 1 and "is a link or behind one" in told.out


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.unlink(), "there is no manifest"),
        (lambda path: (path.unlink(), path.symlink_to(path)), "there is no manifest"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "is not a regular file"),
        (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "is not a regular file"),
        (sparse, "at most 4,000,000 are read"),
        (lambda path: path.write_bytes(b"\xff" * 9), "it is not UTF-8 text"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_line(make, words, built, run):
    make(built / "manifest.json")
    told = run("verify firmware")
    assert told.code == 2 and words in told.err and len(told.err.splitlines()) == 1


def test_what_writes_no_manifest_is_named_with_the_next_step(guard, run):
    assert run("emit guard.json -o sketch").code == 0
    for folder in ("sketch", "."):
        told = run(f"verify {folder}")
        assert told.code == 2 and len(told.err.splitlines()) == 1
        assert "`emit` and `export` write none: make the folder with `tinygen build" in told.err
        assert "or verify the model file" in told.err
    shutil.copy("guard.json", "other.json")
    told = run("verify other.json")
    assert told.code == 2 and len(told.err.splitlines()) == 1
    assert "there is no manifest 'other.manifest.json'" in told.err
    assert "`recalibrate` writes none: verify the model that it recalibrated" in told.err


def test_wrong_use_is_one_line(built, run):
    for line, words in (
        ("verify nothing", "does not exist"),
        ("verify gas.manifest.json", "name the model file"),
        ("verify rows.csv", "there is no manifest"),
        ("verify firmware --data nothing.csv", "neither a file nor a folder"),
        ("verify firmware --data gas.json", "--data rows.csv is missing"),
    ):
        told = run(line)
        assert told.code == 2 and words in told.err and len(told.err.splitlines()) == 1, told


# ---- what is written when ----


@pytest.mark.parametrize("out", ["gas", "other"])
def test_a_picked_model_is_made_anew_from_its_ladder(out, built, run):
    """Also where it keeps its name, and pick notes its choice in the ladder that it read."""
    assert run("train rows.csv --target gas --family tree -o gas.json").code == 0
    rungs = json.loads(Path("gas.search.json").read_text())
    number = 1 if rungs["chosen"] else 2
    assert run(f"pick gas.search.json {number} -o {out}.json").code == 0
    assert json.loads(Path(f"{out}.search.json").read_text())["chosen"] == number - 1
    told = run(f"verify {out}.json --data gas.search.json")
    assert told.code == 0 and "made anew by `tinygen pick`" in told.out, told
    told = run(f"verify {out}.json --data rows.csv")
    assert told.code == 2 and told.err.endswith(
        "--data gas.search.json is missing: `tinygen pick` made the model from it\n"
    )


def test_a_model_without_a_manifest_is_built_and_told(built, run):
    (built.parent / "gas.manifest.json").unlink()
    made = made_of(Path("gas.json"), load(Path("gas.json")))
    assert made.making is None and made.name == "gas"
    edit(built / "manifest.json", '"seed": 0', '"seed": 1')
    shutil.copy(built / "manifest.json", "gas.manifest.json")  # edited: it says nothing
    assert made_of(Path("gas.json"), load(Path("gas.json"))).making is None


def test_what_an_earlier_build_left_is_taken_away(built):
    """But what was changed, what was never its own, and what is outside of its folders stays."""
    made = {"include/old.h": "a", "src/edited.h": "b", "old.h": "c", "../old.h": "d"}
    for name, text in made.items():
        (built / name).write_text(text)
    sums = {name: sum_of(text) for name, text in made.items()}
    sign(built / "manifest.json", lambda plain: plain["firmware"]["headers"].update(sums))
    (built / "src/edited.h").write_text("other")
    (built / "include/mine.h").write_text("a")
    (built / "include/linked.h").symlink_to("mine.h")
    before = set(built.parent.rglob("*"))
    _remove_earlier(built, {HEADER, SOURCE, "include/tinygen_model.h"})
    gone = {path.relative_to(built).as_posix() for path in before - {*built.parent.rglob("*")}}
    kept = {*read_manifest(built / "manifest.json").firmware.sources} - {"platformio.ini", SOURCE}
    assert gone == {"include/old.h", *kept}


def test_a_place_that_cannot_be_written_is_told_before_the_work(built, run):
    Path("other.manifest.json").mkdir()
    told = run("guard rows.csv --drop gas -o other.json")
    assert told.code == 2 and "'other.manifest.json' is a folder" in told.err
    assert not Path("other.json").exists()


def test_every_board_has_a_program(trained):
    """Of those without a firmware the self-test's; what is in it is what a build writes."""
    from tinygen.target.manifest.firmware import program_of

    for board in BOARDS.values():
        program = program_of([trained.model], board)
        assert program.hex.endswith(".hex") and any(n.endswith("gas.h") for n in program.headers)


TEACHER = """
import pandas, skops.io, sklearn.linear_model
rows = pandas.read_csv("rows.csv")
model = sklearn.linear_model.Ridge().fit(rows.to_numpy()[:, :2], rows["gas"])
skops.io.dump(model, "t.skops")
"""
EVERY = {  # a command that makes a model: what verify is given
    "train rows.csv --target gas --target damp --family ridge -o m.json": "rows.csv",
    "pick gas.search.json 1 -o m.json": "gas.search.json",
    "convert t.skops --data rows.csv --target gas -o m.json": "t.skops rows.csv",
    "distil rows.csv --teacher boosting --target gas --family ridge -o m.json": "rows.csv",
    "distil t.skops rows.csv --target gas --family ridge -o m.json": "t.skops rows.csv",
    "train motor/recordings --window 1s --hop 0.5s --family tree -o m.json": "motor/recordings",
    "guard motor/recordings --window 1s --normal normal -o m.json": "motor/recordings",
    "train --spec commas.toml -o m.json": "commas.csv",
}


def test_every_command_that_makes_a_model_makes_it_again(level, built, run):
    """A file of rows, folders of recordings, models of others, two targets, names with commas."""
    if level != "release":
        pytest.skip("sixteen trainings: --level release")
    assert run("init motor --signals").code == 0
    subprocess.run([sys.executable, "-c", TEACHER], check=True)
    Path("commas.csv").write_text(table('"heat, dry [degC]",damp,gas'))
    Path("commas.toml").write_text(
        'data = "commas.csv"\ntarget = "gas"\nfamily = "ridge"\ninputs = ["heat, dry"]\n'
    )
    for line, files in EVERY.items():
        assert run(line).code == 0, line
        told = run("verify m.json " + " ".join(f"--data {name}" for name in files.split()))
        assert told.code == 0 and "made anew by" in told.out, f"{line}\n{told.out}"
    assert run("guard motor/recordings --window 1s --normal normal -o m.json").code == 0
    Path("motor/recordings/off-01.csv").rename("motor/recordings/off-07.csv")
    told = run("verify m.json --data motor/recordings")
    assert told.code == 1 and "recordings/off-01.csv is missing" in told.out
