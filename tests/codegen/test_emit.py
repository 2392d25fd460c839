"""The generated text: readable, deterministic, and no name ever becomes code."""

import dataclasses
import os
import re
import signal
from importlib.resources import files

import pytest
from random_models import random_models

from tinygen.codegen.emit import (
    RUNTIME,
    check_prefix,
    emit_library,
    emit_project,
    render_header,
    runtime,
)
from tinygen.common.errors import EmitError
from tinygen.common.text import comment
from tinygen.model.fixedpoint import Quantity

MODELS = random_models()
HOSTILE = [
    "T */ #error out",
    "x\n#include <evil>",
    "a\\",
    "/* open",
    "??/ trigraph",
    "\u202egnp",
    "ümlaut",
    'q"uote',
    "*" + "/" * 3,
    "%s%n{{7*7}}",
]


@pytest.mark.parametrize(
    "name",
    [
        "lookup_square",
        "linear16",
        "readings",
        "products",
        "mlp",
        "mlp_layer",
        "mlp_curve",
        "quantized",
        "squares",
        "additive_wide",
        "branches",
        "polynomial",
        "votes",
    ],
)
def test_golden_headers(name, golden):
    golden(f"{name}.h", render_header(MODELS[name]))


@pytest.mark.parametrize("name", MODELS)
def test_two_renders_are_identical(name):
    assert render_header(MODELS[name]) == render_header(random_models()[name])


@pytest.mark.parametrize("name", MODELS)
def test_no_float_heap_or_64_bit_in_the_code(name):
    code = re.sub(r"/\*.*?\*/", "", render_header(MODELS[name]), flags=re.DOTALL)
    assert not re.search(r"\b(float|double|int64_t|long long|malloc|free)\b|\d\.\d", code)


@pytest.mark.parametrize("name", MODELS)
def test_lines_fit_a_screen_and_have_no_loose_ends(name):
    for line in render_header(MODELS[name]).splitlines():
        assert len(line) <= 120 and line == line.rstrip() and "\t" not in line


def test_every_input_is_described_with_unit_step_and_range():
    model = MODELS["lookup_square"]
    quantity = Quantity("RH", "%", 0.1, 9.2, 88.7)
    text = render_header(dataclasses.replace(model, inputs=(quantity,)))
    assert re.search(r"x\[0\] +-8 \.\. 987 +9\.2 \.\. 88\.7 +% +0\.1 +RH", text)
    assert "RH of 48.9 % is raw 489" in text and "LOOKUP_SQUARE_THRESHOLD 150 /* 15 ug/m3" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_column_name_stays_inside_its_comment(text):
    model = MODELS["linear8"]
    named = dataclasses.replace(
        model,
        inputs=tuple(dataclasses.replace(q, name=text, unit=text) for q in model.inputs),
        output=dataclasses.replace(model.output, name=text, unit=text),
        family=text,
    )
    header, plain = render_header(named), render_header(model)
    # what a name may become besides a comment: an identifier in capitals; the fingerprint changes
    named = r"0x[0-9A-F]{8}|(?<=LINEAR8_)(?:AT|RAW|PHYSICAL)_[A-Z0-9_]+"
    strip = lambda source: re.sub(named, "NAMED", re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL))
    assert strip(header) == strip(plain)
    assert header.isascii()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_comment_keeps_nothing_that_ends_a_comment(text):
    safe = comment(text)
    assert not re.search(r"\*/|/\*|\\|\?\?|\n", safe) and safe.isascii() and safe.isprintable()


@pytest.mark.parametrize(
    "name", ["int", "Class", "tinygen", "tinygen_x", "model", "string", "Arduino"]
)
def test_reserved_names_are_refused(name):
    with pytest.raises(EmitError, match="--name"):
        check_prefix(name)


def test_a_library_has_header_runtime_sketch_and_vectors(tmp_path):
    paths = emit_library(MODELS["mlp"], tmp_path / "out")
    names = {p.relative_to(tmp_path / "out").as_posix() for p in paths}
    assert names >= {
        "mlp.h",
        *RUNTIME,
        "mlp_vectors.h",
        "mlp_vectors.csv",
        "examples/mlp_serial/mlp_serial.ino",
        "library.properties",
        "library.json",
    }
    assert {p.name for p in tmp_path.iterdir()} == {"out"}


def test_an_unchanged_file_keeps_its_time(tmp_path):
    first = {p: p.stat().st_mtime_ns for p in emit_library(MODELS["mlp"], tmp_path)}
    assert {p: p.stat().st_mtime_ns for p in emit_library(MODELS["mlp"], tmp_path)} == first


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere.h").write_text("mine")
    (tmp_path / "out" / "mlp.h").symlink_to(tmp_path / "elsewhere.h")
    with pytest.raises(EmitError, match="leads out"):
        emit_library(MODELS["mlp"], tmp_path / "out")
    assert (tmp_path / "elsewhere.h").read_text() == "mine"


@pytest.mark.parametrize("there", ["link", "folder", "file"])
def test_where_one_file_cannot_stand_none_is_written(tmp_path, there):
    """One of the last files that are written: a check as each is moved would come too late."""
    folder = tmp_path / "out"
    place = folder / "examples/mlp_serial/mlp_serial.ino"
    place.parent.parent.mkdir(parents=True)
    if there == "file":
        place.parent.write_text("mine")
    else:
        place.parent.mkdir()
        place.symlink_to(tmp_path / "elsewhere") if there == "link" else place.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(EmitError, match="remove"):
        emit_library(MODELS["mlp"], folder)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_signal_waits_until_the_files_are_there(tmp_path, monkeypatch):
    """Ctrl-C as a file is moved into its place: all of them are, then it is heard."""
    replace_file, model = os.replace, MODELS["mlp"]

    def and_a_signal(source, target):
        signal.raise_signal(signal.SIGINT)
        replace_file(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", and_a_signal)
        with pytest.raises(KeyboardInterrupt):
            emit_library(model, tmp_path / "lib")
    found = [path for path in (tmp_path / "lib").rglob("*") if path.is_file()]
    assert sorted(found) == sorted(emit_library(model, tmp_path / "lib"))
    assert [path.name for path in tmp_path.iterdir()] == ["lib"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(EmitError, match="is a file"):
        emit_library(MODELS["mlp"], tmp_path / "out")


def test_a_project_is_complete(tmp_path):
    project = emit_project(MODELS["mlp"], tmp_path / "project")
    for name in (
        "platformio.ini",
        "src/main.cpp",
        "include/mlp.h",
        "include/tinygen_model.h",
        "include/tinygen_protocol.h",
        *(f"include/{name}" for name in RUNTIME),
    ):
        assert (project.directory / name).is_file(), name


def included(texts: dict[str, str], start: str) -> set[str]:
    """The files that `start` needs, itself among them, by the #include "..." in their texts."""
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += re.findall(r'#include "([^"]+)"', texts[name])
    return found


def test_the_runtime_is_what_a_header_includes():
    texts = {**runtime(), "mlp.h": render_header(MODELS["mlp"])}
    assert included(texts, "mlp.h") == {"mlp.h", *RUNTIME}


def test_the_firmwares_files_are_short_and_narrow():
    firmware = files("tinygen.firmware")
    folders = [firmware.joinpath(name) for name in ("include", "src")]
    sources = [path for folder in folders for path in folder.iterdir() if path.is_file()]
    assert len(sources) > len(RUNTIME)
    for path in sources:
        lines = path.read_text(encoding="ascii").splitlines()
        assert len(lines) <= 400 and max(map(len, lines), default=0) <= 100, path.name
