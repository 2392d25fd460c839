"""Small projects, and the sketch built for each board."""

from functools import cache
from pathlib import Path

import pytest
from random_models import random_models
from sketch_project import WITH_FIRMWARE, skip_its_chips_others, write_project

from tinygen.codegen.emit import emit_project
from tinygen.target import build as b


@pytest.fixture(scope="session")
def workshop(tmp_path_factory) -> Path:
    """One folder for many projects, so that the Arduino core is compiled once; its name has a
    space.
    """
    return tmp_path_factory.mktemp("work shop")


@pytest.fixture
def make_project(workshop, monkeypatch):
    """`make_project(...)`: a small project; measuring is left out, the sketch speaks no
    protocol.
    """
    monkeypatch.setattr(b, "measure_firmware", lambda *arguments: None)
    for log in workshop.glob("*.log"):
        log.unlink()
    return lambda *arguments, **options: write_project(workshop, *arguments, **options)


@pytest.fixture(scope="session")
def built(toolchain, level, tmp_path_factory):
    """`built(name)`: the sketch, built once for each board, in a folder of its own."""
    project = write_project(tmp_path_factory.mktemp("built"))

    @cache
    def make(name: str):
        skip_its_chips_others(WITH_FIRMWARE[name], level)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(b, "measure_firmware", lambda *arguments: None)
            return b.build_firmware(project, WITH_FIRMWARE[name])

    return make


@pytest.fixture(scope="session")
def real(simavr, tmp_path_factory):
    """A project with the real firmware and a model of seven inputs, warnings made errors."""
    project = emit_project(random_models()["linear8"], tmp_path_factory.mktemp("real"))
    ini = project.directory / "platformio.ini"
    strict = ini.read_text().replace("-Wall -Wextra", "-Wall -Wextra -Werror")
    assert "-Werror" in strict
    ini.write_text(strict)
    return project
