"""What a sketch takes from a header: places, units and class names; and the emitted sketches."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from host_c import LINK, SANITIZE, STRICT
from random_models import random_models
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import emit_library, emit_project
from tinygen.common.boards import BOARDS
from tinygen.common.text import c_string, identifiers
from tinygen.model.confidence.error_bars import ErrorBars
from tinygen.model.fixedpoint import MISSING, Derivation, Quantity

MODELS = random_models()
UNO = BOARDS["uno"]
LABELS = ("ok", "very dry", 'D\u00fcrr ??/ "x"\\', "Dry", "dry", "16753245")
SOIL = replace(MODELS["votes"], name="soil", labels=LABELS[:4], threshold=None)
STEPS = (1.0, 0.1, 0.01, 0.001, 0.25, 2.5, 10.0, 1000.0)
COUNTS = Quantity("A0 moisture", "counts", 1.0, 200.0, 900.0)


def compiled(folder, model, main: str, language="c99", flags=()):
    """Path of a program around a model's library."""
    emit_library(model, folder)
    compiler = {"c99": ["gcc", "-xc", "-std=c99"], "c++11": ["g++", "-xc++", "-std=c++11"]}
    source, program = folder / "main.txt", folder / f"main-{language}"
    source.write_text(f'#include <stdio.h>\n#include "{model.name}.h"\n{main}')
    done = subprocess.run(
        [*compiler[language], *STRICT, *SANITIZE, *flags, source, "-o", program, *LINK],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return program


def printed(program) -> bytes:
    return subprocess.run([program], capture_output=True, check=True).stdout


@pytest.mark.parametrize("step", STEPS)
def test_readings_on_the_grid_become_the_twins_raw_values_and_back(step, tmp_path):
    q = Quantity("heat", "degC", step, -10 * step, 10 * step)
    model = replace(MODELS["stump"], name="one", inputs=(q,), output=q)
    program = compiled(
        tmp_path,
        model,
        f"int main(void) {{ for (int k = -32767; k <= 32767; ++k) {{\n"
        f"    float reading = (float)((double)k * {step!r});\n"
        '    printf("%d %.9g %.9g\\n", ONE_RAW_HEAT(reading),\n'
        "           (double)ONE_PHYSICAL_HEAT((int16_t)k), (double)ONE_PHYSICAL((int16_t)k));\n"
        "} return 0; }\n",
    )
    raw, physical, output = np.loadtxt(printed(program).splitlines()).T
    every = np.arange(-32767, 32768)
    assert (raw == every).all()
    wanted = q.to_physical(every).astype(np.float32)
    assert np.allclose(physical, wanted, rtol=2e-7, atol=0) and (physical == output).all()


@pytest.mark.parametrize(
    "reading, raw",
    [("0.05f", 1), ("-0.05f", 0), ("0.049f", 0), ("1e9f", 32767), ("-1e9f", -32767)]
    + [("3276.7f", 32767), ("-3276.7f", -32767), ("(0.0f / zero)", MISSING), ("20", 200)],
)
def test_readings_round_half_up_and_saturate(reading, raw, tmp_path):
    q = Quantity("heat", "degC", 0.1, -10.0, 10.0)
    model = replace(MODELS["stump"], name="one", inputs=(q,))
    main = (
        "int main(void) { volatile float zero = 0.0f; (void)zero;\n"
        f'    printf("%d", ONE_RAW_HEAT({reading})); return 0; }}\n'
    )
    flags = ["-fno-sanitize=float-divide-by-zero"]
    assert printed(compiled(tmp_path, model, main, flags=flags)) == str(raw).encode()


@pytest.mark.parametrize("language", ["c99", "c++11"])
def test_class_names_are_exact_text(language, tmp_path):
    soil = replace(SOIL, labels=LABELS)
    main = (
        "int main(void) { for (int y = -1; y < 8; ++y) {\n"
        "    fputs(soil_label((int16_t)y), stdout); putchar(0);\n"
        '} printf("%d %d", SOIL_CLASS_VERY_DRY, SOIL_CLASS_DRY_2); return 0; }\n'
    )
    *names, numbers = printed(compiled(tmp_path, soil, main, language)).split(b"\0")
    assert [name.decode() for name in names] == ["", *LABELS, "", ""]
    assert numbers == b"1 4"


def test_names_of_inputs_are_identifiers_that_differ():
    texts = ["PT08.S2(NMHC)", "T", "t", "\u6e29\u5ea6", "", "*/", "1st", "x" * 40, "x" * 41]
    names = identifiers(texts, "INPUT")
    assert names[:8] == ["PT08_S2_NMHC", "T", "T_2", "WENDU", "INPUT4", "INPUT5", "1ST", "X" * 24]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("text", ["a", '"', "\\", "??/", "\u00fc", "\n1", "\0", "%d"])
def test_a_c_string_is_its_bytes(text):
    literal = c_string(text)
    assert literal.isascii() and literal.isprintable() and "?" not in literal
    assert literal[1:-1].encode().decode("unicode_escape").encode("latin-1") == text.encode()


def test_two_models_whose_macros_are_the_same_are_told_apart(tmp_path):
    for name in ("pump", "Pump"):
        model = replace(MODELS["linear8"], name=name)
        emit_library(model, tmp_path / name)
    both = '#include "pump/pump.h"\n#include "Pump/Pump.h"\nint main(void) { return 0; }\n'
    twice = both.replace("Pump/Pump", "pump/pump")
    check = ["gcc", "-xc", "-std=c99", "-fsyntax-only", "-Wall", "-Werror", "-"]
    run = lambda text: subprocess.run(
        check, input=text, cwd=tmp_path, capture_output=True, text=True
    )
    assert run(twice).returncode == 0, run(twice).stderr
    assert "two models have the macros PUMP_" in run(both).stderr


BARS = ErrorBars.of(90, [33] * 9)
STRANGE = ("*/", 'b "?\\\\', "??/", "\u6e29")  # labels of a category


def categorical(model):
    """The model with its first inputs made of two categories and the hour; one has no input for its
    last label.
    """
    made = [Derivation(("x*/",), label=label, labels=STRANGE) for label in STRANGE[:2]]
    made += [Derivation(("X",), label="on", labels=("off", "on")), Derivation(("when",), "hour")]
    inputs = [Quantity(f"{d.columns[0]}={d.label}", "", 1.0, *d.range, derivation=d) for d in made]
    return replace(model, inputs=(*inputs, *model.inputs[len(inputs) :])[: len(model.inputs)])


VARIANTS = {
    "categories": categorical(MODELS["linear_narrow"]),
    "threshold": MODELS["linear8"],
    "alarm below": replace(MODELS["linear8"], threshold=None, alarm_below=-7),
    "alarm outside": replace(MODELS["linear8"], threshold=7, alarm_below=-7),
    "bars": replace(MODELS["linear8"], bars=BARS),
    "bars in a band": replace(MODELS["linear8"], threshold=7, alarm_below=-7, bars=BARS),
    "bars alone": replace(MODELS["linear8"], threshold=None, bars=BARS),
    "no threshold": replace(MODELS["linear8"], threshold=None),
    "classes": SOIL,
    "counts": replace(MODELS["stump"], inputs=(COUNTS,)),
    "some counts": replace(MODELS["linear_narrow"], inputs=(COUNTS, *MODELS["votes"].inputs[1:])),
    "names": replace(
        SOIL, inputs=tuple(replace(q, name='x*\\"', unit="%\\") for q in SOIL.inputs), labels=LABELS
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_sketches_compile_for_the_uno(variant, toolchain, tmp_path):
    model, core = VARIANTS[variant], toolchain.avr_core
    emit_library(model, tmp_path)
    for sketch in sorted(tmp_path.glob("examples/*/*.ino")):
        done = subprocess.run(
            [toolchain.avr_gcc.with_name("avr-g++"), "-mmcu=atmega328p", "-Os", "-std=gnu++11"]
            + ["-DF_CPU=16000000L", "-DARDUINO=10819", "-Wall", "-Wextra", "-fsyntax-only"]
            + ["-I", core / "cores" / "arduino", "-I", core / "variants" / "standard"]
            + ["-I", tmp_path, "-include", "Arduino.h", "-xc++", sketch],
            capture_output=True,
            text=True,
        )
        ours = [line for line in done.stderr.splitlines() if line.startswith(str(tmp_path))]
        assert done.returncode == 0 and not ours, done.stderr


def test_a_pin_is_read_as_it_is_where_the_step_is_1(tmp_path):
    text = lambda model: (
        emit_library(model, tmp_path / model.name)
        and next((tmp_path / model.name).glob("examples/*analog/*.ino")).read_text()
    )
    assert "/ 1023)" not in text(VARIANTS["counts"])
    percent = replace(VARIANTS["counts"], name="pct", inputs=(replace(COUNTS, unit="%"),))
    assert "/ 1023)" in text(percent)  # a share of the air is no reading of a pin
    some = text(replace(VARIANTS["some counts"], name="some"))
    assert "i == SOME_AT_A0_MOISTURE" in some and "counts / 1023)" in some
    assert "AT_" not in text(replace(VARIANTS["threshold"], name="none"))


@pytest.fixture
def sketch_on_the_uno(firmware_elf, tmp_path):
    """`run(model, kind)`: the virtual Uno with an emitted sketch as its program."""

    def run(model, kind: str) -> SimBoard:
        project = emit_project(model, tmp_path, [UNO])
        emit_library(model, tmp_path / "library")
        name = f"{model.name}_{kind}"
        sketch = (tmp_path / "library" / "examples" / name / f"{name}.ino").read_text()
        for path in (tmp_path / "library").glob("*.h"):
            (tmp_path / "include" / path.name).write_text(path.read_text())
        (tmp_path / "src" / "main.cpp").write_text("#include <Arduino.h>\n" + sketch)
        board = SimBoard(UNO, firmware_elf(project, UNO))
        board.baud = 115200
        return board

    return run


def test_classes_are_named_and_blinked(sketch_on_the_uno):
    with sketch_on_the_uno(SOIL, "analog") as board:
        board.run(UNO.f_cpu_hz * 2)
        text = board.read().decode()
        low = np.array([q.limits[0] for q in SOIL.inputs])
        dark = SOIL.predict([low.tolist()])[0]
        assert text.splitlines()[0] == LABELS[dark]  # pins without a voltage read 0
        reds = [lit for lit, before in zip(board.changes[1:], board.changes) if lit != before]
        assert len(reds) > dark and board.leds()[1] == 1


def test_answers_are_in_units(sketch_on_the_uno):
    model = replace(MODELS["linear8"], threshold=None)
    with sketch_on_the_uno(model, "serial") as board:
        board.run(UNO.f_cpu_hz * 2)
        first, second, *_ = board.read().decode().splitlines()
        row = [(q.raw_minimum + (q.raw_maximum - q.raw_minimum) // 2) for q in model.inputs]
        answer = model.output.to_physical(model.predict([row]))[0]
        assert first == "self-test, vectors that fail: 0" and second == f"{answer:.1f} ug/m3"


def test_a_bar_is_printed_behind_the_answer(sketch_on_the_uno):
    model = replace(MODELS["linear8"], threshold=None)
    row = [(q.raw_minimum + (q.raw_maximum - q.raw_minimum) // 2) for q in model.inputs]
    raw = int(model.predict([row])[0])
    model = replace(model, threshold=raw - 20, bars=BARS)
    with sketch_on_the_uno(model, "serial") as board:
        board.run(UNO.f_cpu_hz * 2)
        _, answer, unsure, above, *_ = board.read().decode().splitlines()
        assert answer == f"{float(model.output.to_physical(raw)):.1f} +- 3.3 ug/m3"
        assert (unsure, above) == ("the bar leaves the alarm open", "above the threshold")


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_a_width_has_no_offset_and_a_reference_has(offset, tmp_path):
    q = Quantity("heat", "degC", 0.1, offset - 10.0, offset + 10.0, offset)
    model = replace(MODELS["stump"], name="one", output=q, threshold=None, bars=BARS)
    main = f"""int main(void) {{
    one_reference(70, ONE_RAW({offset + 9.0:.1f}f));
    printf("%d %.1f %d", ONE_RAW({offset + 9.0:.1f}f), (double)ONE_WIDTH_PHYSICAL(33),
           one_half_width()); return 0; }}"""
    assert printed(compiled(tmp_path, model, main)) == f"90 3.3 {33 - BARS.down}".encode()
