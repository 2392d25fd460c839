"""Every mistake of `written` is seen: C on this computer differs from the twin, or the check of a
stream of rows fails or cannot be made.

All of them at release, each twentieth at a commit.
"""

from dataclasses import replace
from pathlib import Path

import host_c
import pytest
import written
from host_c import compile_header, run_rows
from jinja2 import FunctionLoader
from native_board import NativeBoard, compile_project, edit
from native_rows import MODEL, rows_of, run

from tinygen.codegen.emit import emit_project, render_header, runtime
from tinygen.common import jinja
from tinygen.common.errors import TinygenError

ROOT = Path(__file__).parent.parent.parent
ROWS = 20_000
QUICK = ("-O0", "-w")


def pytest_generate_tests(metafunc):
    release = metafunc.config.getoption("--level") == "release"
    for name in ("kernel", "template", "firmware"):
        if name in metafunc.fixturenames:
            all_of_them = list(getattr(written, f"{name.upper()}{'S' * (name != 'firmware')}"))
            metafunc.parametrize(name, all_of_them if release else all_of_them[::20])


def test_pages_tell_how_many_there_are():
    kernels, templates, firmware = map(len, (written.KERNELS, written.TEMPLATES, written.FIRMWARE))
    total = kernels + templates + firmware
    checks = " ".join((ROOT / "docs/checks.md").read_text(encoding="utf-8").split())
    assert (
        f"has {total} mistakes that a person could make: {kernels} in the kernels, {templates} in "
        f"templates, {firmware} in the firmware." in checks
    )
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"{total} written ones in kernels, templates and firmware" in changes


def model_of(name: str, goal: str = "size"):
    return replace(written.models()[name], name="m", optimize=goal)


def differs(model, folder, header: str | None = None) -> bool:
    """True if the C on this computer answers a row otherwise than the twin."""
    rows = model.sample_rows(ROWS)
    program = compile_header(model, folder, header=header, flags=QUICK)
    return bool((run_rows(program, rows) != model.predict(rows)).any())


def test_a_wrong_kernel_is_seen(kernel, monkeypatch, tmp_path):
    file, good, bad, *shown_by = written.KERNELS[kernel]
    texts = runtime()
    assert good in texts[file]
    texts[file] = texts[file].replace(good, bad)
    monkeypatch.setattr(host_c, "runtime", lambda: texts)
    assert differs(model_of(*shown_by), tmp_path)


@pytest.fixture
def template_with(monkeypatch):
    """`template_with(name, good, bad)`: templates are read with that change."""
    environment = jinja.environment("c")

    def change(name: str, good: str, bad: str) -> None:
        assert good in jinja.source(name)

        def source(asked: str) -> str:
            text = jinja.source(asked)
            return text.replace(good, bad) if asked == name else text

        monkeypatch.setattr(environment, "loader", FunctionLoader(source))
        environment.cache.clear()

    yield change
    environment.cache.clear()


def test_a_wrong_template_is_seen(template, template_with, tmp_path):
    place, good, bad, *shown_by = written.TEMPLATES[template]
    file = f"{place[3:]}.h.j2" if place.startswith("../") else f"operations/{place}.h.j2"
    model = model_of(*shown_by)
    before = render_header(model)
    template_with(file, good, bad)
    assert render_header(model) != before
    assert differs(model, tmp_path)


def test_a_wrong_firmware_is_seen(firmware, tmp_path):
    file, good, bad = written.FIRMWARE[firmware]
    emit_project(MODEL, tmp_path)
    edit(tmp_path / file, {good: bad})
    board = NativeBoard(compile_project(tmp_path, flags=("-w",)))
    try:
        verdict = run(board, rows_of(300))
    except TinygenError:
        return  # no answer that a check could be made of
    assert not verdict.passed


def test_without_a_mistake_nothing_is_seen(tmp_path):
    """The three comparisons themselves: they pass what is right."""
    for name in ("linear16", "votes"):
        assert not differs(model_of(name), tmp_path / name)
    emit_project(MODEL, tmp_path / "board")
    assert run(NativeBoard(compile_project(tmp_path / "board")), rows_of(300)).passed
