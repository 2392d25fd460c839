"""The wheel alone, in a fresh environment, outside the checkout.

The fresh environment sees the packages tinygen depends on through a .pth file (no download), but
not the checkout: a .pth inside a folder named by a .pth is not read, so an editable install of
tinygen does not reach it. The first test makes sure.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tinygen.families import FAMILIES
from tinygen.target.manifest import versions

ROOT = Path(__file__).parent.parent
SHIPPED = {
    "tinygen": "tinygen",
    "templates": "tinygen/templates",
    "host": "tinygen/host",
    "firmware": "tinygen/firmware",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: neither the checkout nor what an earlier build left takes
    part.
    """
    copy = tmp_path_factory.mktemp("source") / "tinygen"
    shutil.copytree(
        ROOT,
        copy,
        ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "demo"),
    )
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            # else pip unpacks another setuptools for this one wheel
            *(["--no-build-isolation"] if find_spec("setuptools") else []),
            "--disable-pip-version-check",
            "-w",
            str(out),
            str(copy),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "absent from the `packages` configuration" not in done.stdout + done.stderr
    return next(out.glob("tinygen-*.whl"))


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory):
    """`fresh(*command)`: run a command of the fresh environment in an empty folder; its result."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    # without a pip of its own, which takes longer to unpack than all of the rest
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    here = tmp_path_factory.mktemp("an empty folder")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(*command: str, **options):
        return subprocess.run(
            [str(venv / "bin" / command[0]), *command[1:]],
            cwd=here,
            env=clean,
            text=True,
            capture_output=True,
            timeout=300,
            **options,
        )

    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python")]
    flags = ["--no-deps", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "install", *flags, str(wheel)], cwd=here, env=clean, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    site = next((venv / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(
        f"{sysconfig.get_paths()['purelib']}\n{sysconfig.get_paths()['platlib']}\n"
    )
    run.here, run.site = here, site
    return run


def test_tinygen_comes_from_the_wheel_alone(fresh):
    done = fresh(
        "python",
        "-c",
        "import tinygen.host.protocol, tinygen.common.boards; print(tinygen.__file__); "
        "print(tinygen.host.__file__)",
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert fresh.site in Path(line).parents
    gone = fresh(
        "python",
        "-c",
        "import sys; sys.path = [p for p in sys.path if p != sys.argv[1]]; import tinygen",
        str(fresh.site),
    )
    assert "No module named 'tinygen'" in gone.stderr  # without the wheel there is none


def test_wheel_has_every_file_of_the_rooms(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"{target}/{path.relative_to(ROOT / room).as_posix()}"
        for room, target in SHIPPED.items()
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".pio" not in path.parts
    }
    assert expected <= names
    assert len(expected) > 30
    assert {
        "tinygen/firmware/platform/atmelavr/platform.json",
        "tinygen/firmware/src/main.cpp",
    } <= names
    other = {
        name for name in names if not name.startswith("tinygen/") and ".dist-info/" not in name
    }
    assert other == set()


def test_a_manifest_tells_the_wheel_and_knows_its_files_from_the_checkout(fresh, wheel):
    told = "import json, tinygen.target.manifest as m; print(json.dumps(m.versions()))"
    there, here = answer_of(fresh("python", "-c", told)), versions()
    assert there.pop("wheel", None) == hashlib.sha256(wheel.read_bytes()).hexdigest()
    here.pop("wheel", None)
    assert there == here


def test_command_line_answers(fresh):
    done = fresh("tinygen", "--help")
    assert done.returncode == 0, done.stderr
    assert "build" in done.stdout


def answer_of(done) -> dict:
    """The JSON object a command printed, after it went well."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_from_a_table_to_a_checked_board(fresh, simavr):
    """train, emit, build and stream: templates, firmware and PlatformIO stand-in all come from the
    wheel. One family is trained; that the others are there is the test below.
    """
    rows = [
        (a, b, (3 * a + b * b // 40 + a * b // 90) / 10)
        for a in range(0, 200, 7)
        for b in range(20, 140, 9)
    ]
    (fresh.here / "rows.csv").write_text(
        "A,B,out\n" + "".join(f"{a},{b},{y}\n" for a, b, y in rows)
    )
    trained = answer_of(
        fresh(
            "tinygen",
            "train",
            "rows.csv",
            "--target",
            "out",
            "--family",
            "ridge",
            "--threshold",
            "40",
            "-o",
            "small.json",
            "--json",
        )
    )
    assert trained["rows_train"] + trained["rows_test"] == len(rows)
    assert fresh("tinygen", "emit", "small.json", "-o", "library").returncode == 0
    assert (fresh.here / "library" / "tinygen_fixed.h").is_file()
    built = answer_of(
        fresh("tinygen", "build", "small.json", "--board", "uno", "-o", "a project", "--json")
    )
    assert (
        built["board"] == "uno" and 0 < built["model_flash_bytes"] < built["flash_bytes"] <= 32_256
    )
    assert 0 < built["cycles_median"] <= built["cycles_max"]
    streamed = answer_of(
        fresh(
            "tinygen",
            "stream",
            "small.json",
            "rows.csv",
            "--port",
            "sim",
            "--board",
            "uno",
            "--json",
        )
    )
    assert streamed["rows"] == len(rows)
    assert (streamed["wrong"], streamed["lost"], streamed["led_wrong"]) == (0, 0, 0)


EVERY_MODULE = """
import importlib, pkgutil, sys, tinygen
for package in (tinygen, *map(importlib.import_module, sys.argv[1:])):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
        print(module.name, sys.modules[module.name].__file__)
"""


def test_every_module_that_trains_comes_from_the_wheel(fresh):
    rooms = ("families", "fitting", "model", "search", "data", "codegen", "commands")
    done = fresh("python", "-c", EVERY_MODULE, *(f"tinygen.{room}" for room in rooms))
    assert done.returncode == 0, done.stderr
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert {f"tinygen.families.{name}" for name in FAMILIES} <= found.keys() and len(found) > 100
    assert all(fresh.site in Path(file).parents for file in found.values())


def test_a_command_that_fails_says_so(fresh):
    done = fresh("tinygen", "build", "absent.json", "--board", "uno", "-o", "nothing")
    assert (
        done.returncode in (2, 3)
        and "Traceback" not in done.stderr
        and "absent.json" in done.stderr
    )
    assert not (fresh.here / "nothing").exists()
