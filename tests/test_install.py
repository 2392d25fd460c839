"""The wheel alone, in a fresh environment, outside the checkout.

The fresh environment sees the packages tinygen depends on through a .pth file (no download), but
not the checkout: a .pth inside a folder named by a .pth is not read, so an editable install of
tinygen does not reach it. The first test makes sure.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from random_models import random_models

ROOT = Path(__file__).parent.parent
SHIPPED = {"tinygen": "tinygen", "templates": "tinygen/templates", "host": "tinygen/host", "firmware": "tinygen/firmware"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: neither the checkout nor what an earlier build left takes part."""
    copy = tmp_path_factory.mktemp("source") / "tinygen"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "demo"))
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--disable-pip-version-check",
                           "-w", str(out), str(copy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "absent from the `packages` configuration" not in done.stdout + done.stderr
    return next(out.glob("tinygen-*.whl"))


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory):
    """`fresh(*command)`: run a command of the fresh environment in an empty folder; its result."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    here = tmp_path_factory.mktemp("an empty folder")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(*command: str, **options):
        return subprocess.run([str(venv / "bin" / command[0]), *command[1:]], cwd=here, env=clean, text=True,
                              capture_output=True, timeout=300, **options)
    done = run("python", "-m", "pip", "install", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel))
    assert done.returncode == 0, done.stderr
    site = next((venv / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{sysconfig.get_paths()['platlib']}\n")
    run.here, run.site = here, site
    return run


def test_tinygen_comes_from_the_wheel_alone(fresh):
    done = fresh("python", "-c", "import tinygen.host.protocol, tinygen.boards; print(tinygen.__file__); print(tinygen.host.__file__)")
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert fresh.site in Path(line).parents
    gone = fresh("python", "-c", "import sys; sys.path = [p for p in sys.path if p != sys.argv[1]]; import tinygen", str(fresh.site))
    assert "No module named 'tinygen'" in gone.stderr   # without the wheel there is none


def test_wheel_has_every_file_of_the_rooms(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {f"{target}/{path.relative_to(ROOT / room).as_posix()}"
                for room, target in SHIPPED.items() for path in (ROOT / room).rglob("*")
                if path.is_file() and "__pycache__" not in path.parts and ".pio" not in path.parts}
    assert expected <= names
    assert len(expected) > 30
    assert {"tinygen/firmware/platform/atmelavr/platform.json", "tinygen/firmware/src/main.cpp"} <= names
    other = {name for name in names if not name.startswith("tinygen/") and ".dist-info/" not in name}
    assert other == set()


def test_command_line_answers(fresh):
    done = fresh("tinygen", "--help")
    assert done.returncode == 0, done.stderr
    assert "build" in done.stdout


def test_header_and_firmware_come_out(fresh, simavr):
    """emit and build from a model file, with the shim and templates of the wheel."""
    model = fresh.here / "model.json"
    random_models()["lookup_square"].save(model)
    emitted = fresh("tinygen", "emit", "model.json", "-o", "library")
    assert emitted.returncode == 0, emitted.stderr
    assert (fresh.here / "library" / "tinygen_fixed.h").is_file()
    built = fresh("tinygen", "build", "model.json", "--board", "uno", "-o", "a project", "--json")
    assert built.returncode == 0, built.stderr
    answer = json.loads(built.stdout)
    assert answer["board"] == "uno" and 0 < answer["model_flash_bytes"] < answer["flash_bytes"] <= 32_256
    assert 0 < answer["cycles_median"] <= answer["cycles_max"]
