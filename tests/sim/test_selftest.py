"""The self-test for a chip without a serial port: built by `tinygen build`, run on the simulated
ATtiny85, right without MUL.
"""

import re
import shlex
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from random_models import forest, inputs, random_models

from tinygen import cli
from tinygen.codegen.emit import RUNTIME, render_header
from tinygen.commands.build import build as build_model
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError, CheckError, DoesNotFit, UsageError
from tinygen.target import selftest
from tinygen.target.avr_gcc import compile_c
from tinygen.target.build import Budget
from tinygen.target.chips import why_not_simulated
from tinygen.target.selftest import build_selftest, run_selftest

ATTINY85 = BOARDS["attiny85"]
MODELS = random_models()


def disassembled(tools, elf) -> str:
    return subprocess.run(
        [tools.avr_gcc.with_name(tools.avr_gcc.name.replace("avr-gcc", "avr-objdump")), "-d", elf],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def multiplications(text: str) -> int:
    """MUL instructions; in front of __ctors_end stand the constant tables, whose bytes may look
    like some, and so may leaves, up to three words behind the call that ends their tree.
    """
    lines = text.split("<__ctors_end>:")[1].splitlines()
    leaves = {k + n for k, line in enumerate(lines) if "\trcall\t" in line for n in (1, 2, 3)}
    program = [line for k, line in enumerate(lines) if k not in leaves]
    return sum(bool(re.search(r"\tf?mul(?:su?)?\t", line)) for line in program)


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_passes_on_the_chip(name, simavr, tmp_path, figures):
    """The green LED at the end; not one MUL in the program, the chip has none."""
    firmware = build_selftest(MODELS[name], ATTINY85, tmp_path)
    assert run_selftest(firmware.elf, ATTINY85) == "" and firmware.hex.is_file()
    assert multiplications(disassembled(simavr, firmware.elf)) == 0
    assert (
        0 < firmware.model_flash_bytes < firmware.flash_bytes <= ATTINY85.flash_bytes
        and 0 < firmware.cycles_median <= firmware.cycles_max
    )
    if name in ("linear16", "mlp", "forest"):
        figures(
            f"ATtiny85, {name}",
            f"32 of 32 rows right without MUL, {firmware.flash_bytes:,} bytes, "
            f"at most {firmware.cycles_max:,} cycles a row",
        )


def written(model, folder):
    """The C source of a self-test, all that it includes beside it."""
    return selftest.write_all(selftest.selftest_files(model, ATTINY85), folder)[0]


def test_a_multiplication_would_be_seen(simavr, tmp_path):
    """Negative control: the same program for a chip that has MUL."""
    source = written(MODELS["linear16"], tmp_path)
    elf = compile_c(source, BOARDS["uno"], "test")
    assert multiplications(disassembled(simavr, elf)) > 0


def one_weight_more(model):
    """The model with its first weight changed by one."""
    place = next(i for i, node in enumerate(model.nodes) if node.op == "dense")
    first, *others = model.nodes[place].weights
    changed = replace(
        model.nodes[place],
        weights=((first[0] + (1 if first[0] < 127 else -1), *first[1:]), *others),
    )
    return replace(model, nodes=(*model.nodes[:place], changed, *model.nodes[place + 1 :]))


@pytest.mark.parametrize("what", ["weight", "answer"])
def test_one_number_off_by_one_lights_red(what, simavr, tmp_path):
    """Negative control: the red LED, and `build` refuses."""
    model = MODELS["linear8"]
    source = written(model, tmp_path)
    if what == "answer":
        path = tmp_path / "linear8_vectors.h"
        answers = model.predict(model.sample_rows(32, seed=1))
        path.write_text(
            re.sub(
                rf"(?<=\n    ){answers[5]},\n", f"{answers[5] + 1},\n", path.read_text(), count=1
            )
        )
    else:
        (tmp_path / "linear8.h").write_text(render_header(one_weight_more(model)))
    elf = compile_c(source, ATTINY85, "test")
    assert run_selftest(elf, ATTINY85) == "fails its self-test (LEDs (1, 0), red and green)"


def test_a_program_that_hangs_is_told(simavr, tmp_path, monkeypatch):
    monkeypatch.setattr(selftest, "RUN_CYCLES", 1000)
    source = written(MODELS["linear8"], tmp_path)
    (tmp_path / "selftest.c").write_text(source.read_text().replace("GPIOR0 = 2;", ""))
    assert "gives no 32 answers" in run_selftest(compile_c(source, ATTINY85, "test"), ATTINY85)


def test_a_model_too_big_is_refused(simavr, tmp_path):
    rng = np.random.default_rng(0)
    big = replace(MODELS["stump"], inputs=inputs(3), nodes=(forest(rng, 3, 80, 5, 1, 50),))
    with pytest.raises(
        DoesNotFit, match=r"8192 bytes of flash .* choose a smaller model"
    ) as raised:
        build_selftest(big, ATTINY85, tmp_path)
    assert "\n" not in str(raised.value)


def test_a_budget_holds_here_too(simavr, tmp_path):
    with pytest.raises(CheckError, match="cycles, the budget is 10"):
        build_selftest(MODELS["linear8"], ATTINY85, tmp_path, Budget(cycles=10))


def test_the_command(simavr, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    MODELS["linear8"].save(tmp_path / "model.json")
    with pytest.raises(SystemExit) as end:
        cli.main(shlex.split("build model.json --board attiny85 -o tiny"))
    out = capsys.readouterr()
    assert (
        end.value.code == 0 and "self-test passed: 32 rows, green LED at PB1" in out.err + out.out
    )
    assert sorted(path.name for path in (tmp_path / "tiny").iterdir()) == [
        "linear8.h",
        "linear8_vectors.csv",
        "linear8_vectors.h",
        "manifest.json",
        "models",
        "selftest.c",
        "selftest.elf",
        "selftest.hex",
        *sorted(RUNTIME),
    ]
    with pytest.raises(UsageError, match=r"has no bootloader to --upload to: .* with a programmer"):
        build_model(
            tmp_path / "model.json", "attiny85", tmp_path / "new", upload=True, port="/dev/ttyACM0"
        )
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["linear16", "forest"])
def test_the_self_test_of_an_arduino_nano_every(name, toolchain, tmp_path):
    """Built always; where its simulator is installed it has run there, with the green LED at its
    end, and one weight more turns it red.
    """
    board = BOARDS["nano_every"]
    firmware = build_selftest(MODELS[name], board, tmp_path)
    assert firmware.hex.is_file() and 0 < firmware.model_flash_bytes < firmware.flash_bytes
    assert "PORTE.OUTSET = _BV(2);" in (tmp_path / "selftest.c").read_text()
    if why_not_simulated(board):
        assert firmware.cycles_median is None
        pytest.skip(why_not_simulated(board))
    assert 0 < firmware.cycles_median <= firmware.cycles_max
    if name == "linear16":
        (tmp_path / "linear16.h").write_text(render_header(one_weight_more(MODELS[name])))
        elf = compile_c(tmp_path / "selftest.c", board, "test")
        assert run_selftest(elf, board) == "fails its self-test (LEDs (1, 0), red and green)"


def test_a_chip_without_a_simulator_is_built_and_not_called_proven(toolchain, tmp_path):
    MODELS["stump"].save(tmp_path / "model.json")
    built = build_model(tmp_path / "model.json", "attiny3217", tmp_path / "new")
    assert built.firmware.hex.is_file() and built.firmware.cycles_max is None
    assert "not run      no simulator here knows the attiny3217" in built.text()
    assert "inference" not in built.text()
    with pytest.raises(BuildError, match="a budget of 100 cycles needs the virtual board"):
        build_model(tmp_path / "model.json", "attiny3217", tmp_path / "b", Budget(cycles=100))
