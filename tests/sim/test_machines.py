"""One header on every machine: compilers and simulators that others wrote give the twin's answers.

Per commit a few headers on each machine, whose one changed coefficient has to show; at release
every family and every chain of operations, with as many rows as the machine's simulator answers
in reasonable time.
"""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from changed_models import with_one_coefficient_changed
from family_models import TASKS, street_model
from needs import unavailable
from random_models import random_models
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.exports import checked
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError, DoesNotFit
from tinygen.common.jinja import environment
from tinygen.model.fixedpoint import MISSING, RAW_MAX, RAW_MIN
from tinygen.target.bare import BareChip
from tinygen.target.chips import Simavr, Yasimavr
from tinygen.target.machines import MACHINES, proof_rows
from tinygen.target.machines.compilers import Compiler, avr
from tinygen.target.machines.machine import StreamMachine
from tinygen.target.machines.simulators import (
    Native,
    Semihosted,
    SimulatorFault,
    Uart,
    skipped_jumps,
)

CHAINS = random_models()
SAMPLE = ("mlp_layer16", "tree_deep")  # on every machine of a commit
SLOW_SAMPLE = ("mlp_layer16",)  # where a program takes seconds to compile
ROWS, SLOW_ROWS = 240, 24
LATE = "yasimavr"  # builds for minutes: `make release-check` installs it
EVERY_MACHINE = pytest.mark.parametrize("machine", MACHINES.values(), ids=list(MACHINES))


@cache
def every_model():
    """Name -> model: each family for each of its tasks, and each chain."""
    families = {f"{family}, {task}": street_model(family, task) for family, task in TASKS}
    return {**families, **CHAINS}


def need(machine, level):
    """Skips, or fails where nothing may be missing."""
    missing = machine.missing()
    if missing and level == "commit" and machine.simulator_name == LATE:
        pytest.skip(missing)
    if missing:
        unavailable(missing)


def wrong_rows(machine, model, rows, runs=None) -> np.ndarray:
    """Places of the rows that the machine answers otherwise than the twin. runs: a model that it
    runs in the place of this one.
    """
    answers = machine.answers(runs or model, rows)
    twin = model.values(rows)[:, : answers.shape[1]]
    assert answers.shape == twin.shape
    return np.flatnonzero((answers != twin).any(axis=1))


@EVERY_MACHINE
def test_a_header_is_right_on_every_machine(machine, level, toolchain, figures):
    """The header has one coefficient changed by one: it is right if it answers as the changed twin,
    and the comparison is worth something if it differs from the twin that was not changed.
    """
    need(machine, level)
    slow = machine.rows < 10_000
    for name in SLOW_SAMPLE if slow else SAMPLE:
        model = CHAINS[name]
        rows = proof_rows(model, SLOW_ROWS if slow else ROWS, seed=3)
        changed = with_one_coefficient_changed(model, rows)
        seen = (changed.values(rows) != model.values(rows)).any(axis=1)
        wrong = wrong_rows(machine, model, rows, changed)
        assert seen.any() and (wrong == np.flatnonzero(seen)).all(), name
    if level == "release":
        fitting = [name for name, model in every_model().items() if is_right(machine, name, model)]
        told = f"{len(fitting)} of {len(every_model())} models can run and are right"
        figures(machine.name, f"{told}, {machine.rows:,} rows each")


def is_right(machine, name, model) -> bool:
    """True where every row is answered as the twin does, False where the chip is too small or its
    simulator is known to be wrong; a wrong row fails.
    """
    try:
        wrong = wrong_rows(machine, model, proof_rows(model, machine.rows, seed=4))
    except (DoesNotFit, SimulatorFault):
        return False
    assert not wrong.size, f"{name}: {len(wrong)} rows differ, first {wrong[0]}"
    return True


def test_several_numbers_come_from_the_stream(level, toolchain):
    """Scores behind the class, and several outputs."""
    machine = MACHINES["x86-64-gcc"]
    need(machine, level)
    named = {"labels": ("a", "b", "c", "d"), "threshold": None}
    model = replace(CHAINS["softmax"], **named, scores=True)
    rows = proof_rows(model, ROWS, seed=3)
    assert machine.answers(model, rows).shape == (ROWS, 5) == (ROWS, model.values_per_row)
    assert not wrong_rows(machine, model, rows).size


def test_rows_reach_the_ends_and_both_sides_of_every_limit():
    model = CHAINS["branches"]
    rows = proof_rows(model, 400)
    assert rows.shape == (400, 3) and {MISSING, RAW_MIN, RAW_MAX} <= set(rows.ravel().tolist())
    for column, limit, *_ in model.nodes[0].splits:
        assert {limit - 1, limit, limit + 1} <= set(rows[:, column].tolist())
    assert (proof_rows(model, 400) == rows).all()
    assert (proof_rows(model, 400, seed=1) != rows).any()


def test_what_is_missing_is_named_with_its_package():
    words = "no-such-compiler is missing: apt-get install some-package"
    assert Compiler("no-such-compiler", "some-package", ()).missing() == words
    words = "no-such-qemu is missing: apt-get install some-package"
    assert Semihosted("no-such-qemu", "some-package").missing() == words


def machine_of(compiler, simulator, port="files"):
    return StreamMachine("m", "title", compiler, port, simulator, 10)


def test_a_machine_that_does_not_answer_is_an_error_in_one_line(tmp_path):
    gcc = Compiler("gcc", "gcc", ("-std=c99",))
    strange = Compiler("gcc", "gcc", ("-include", "no-such-file.h"))
    rows = CHAINS["stump"].sample_rows(9)
    with pytest.raises(BuildError, match=r"^model 'stump' does not compile with gcc: .*no-such-"):
        machine_of(strange, Native()).answers(CHAINS["stump"], rows)
    with pytest.raises(BuildError, match=r"^true gave 0 of 18 bytes of answers$"):
        machine_of(gcc, Semihosted("true", "coreutils")).answers(CHAINS["stump"], rows)


def test_a_serial_port_that_stays_silent_is_an_error(toolchain):
    with pytest.raises(BuildError, match=r"^true gave 0 of 18 bytes of answers$"):
        machine_of(avr("atmega328p"), Uart("true", "coreutils"), "uart").answers(
            CHAINS["stump"], CHAINS["stump"].sample_rows(9)
        )


SKIPPED_RET = r"""
#include <avr/io.h>
#include <stdint.h>

/* 1 where bit 7 of x is set, else 0 */
uint8_t top_bit(uint8_t x);
__asm__("top_bit:\n\tmov r25,r24\n\tldi r24,0\n\tsbrs r25,7\n\tret\n\tldi r24,1\n\tret\n");

int main(void)
{
    UCSR0B = _BV(RXEN0) | _BV(TXEN0);
    UDR0 = GPIOR0 = (uint8_t)(top_bit(0x7F) * 2 + top_bit(0x80));
    for (;;) {
    }
}
"""


def test_qemu_is_not_asked_where_it_is_known_to_be_wrong(level, toolchain, tmp_path):
    """The smallest program that QEMU 7.2 answers wrongly, 0 in place of 1: a skipped RET. GCC's own
    multiplication of 32 bits ends in one, so that models with it are not asked there.
    """
    qemu = MACHINES["atmega328p-qemu"]
    need(qemu, level)
    source = tmp_path / "skip.c"
    source.write_text(SKIPPED_RET)
    program = avr("atmega328p").compile(source, "the case")
    (place,) = skipped_jumps(program)
    with pytest.raises(SimulatorFault, match=f"a jump is skipped at {place:#x}"):
        qemu.simulator.run(program, b"", 1)
    with SimBoard(BOARDS["uno"], program) as chip:  # whose answer is the data sheet's
        chip.run(10_000)
        assert chip.read_memory(chip.chip.gpior0, 1) == b"\1"
    with pytest.raises(SimulatorFault):
        qemu.answers(CHAINS["polynomial"], CHAINS["polynomial"].sample_rows(9))
    source.write_text(SKIPPED_RET.replace("sbrs r25,7\\n\\tret", "tst r25"))
    assert skipped_jumps(avr("atmega328p").compile(source, "the case")) == []


OVERLAID = """
#include <stdint.h>
#include "bench_port.h"
#define TINYGEN_LOCAL %s

static void fill(int16_t *to, int16_t value) { for (uint8_t i = 0; i < 3; ++i) to[i] = value; }

int main(void)
{
    TINYGEN_LOCAL int16_t kept[3];
    fill(kept, 10);
    for (uint8_t k = 0; k < 1; ++k) {
        TINYGEN_LOCAL int16_t inner[3];
        fill(inner, 20);
    }
    port_put((uint8_t)kept[0]);
    port_put((uint8_t)kept[2]);
    port_end();
    return 0;
}
"""


@pytest.mark.parametrize("storage, kept", [("", b"\x14\x14"), ("static", b"\x0a\x0a")])
def test_a_compiler_that_lays_arrays_over_each_other(level, tmp_path, storage, kept):
    """The smallest program that SDCC 4.2 makes a wrong one of for the STM8, 20 in place of 10; so
    that arrays of an exported header are static there.
    """
    machine = MACHINES["stm8"]
    need(machine, level)
    port = environment("c").get_template("machines/port_ucsim.h.j2").render()
    (tmp_path / "bench_port.h").write_text(port)
    source = tmp_path / "case.c"
    source.write_text(OVERLAID % storage)
    program = machine.compiler.compile(source, "the case")
    assert machine.simulator.run(program, b"", 2)[0] == kept


@pytest.mark.parametrize("word, answer", [("inline", 0), ("", 1)])
def test_a_compiler_that_loses_values_in_inline_functions(level, tmp_path, word, answer):
    """The smallest model that SDCC 4.2 makes a wrong program of for the 8051, its functions written
    into their caller; so that those of an exported header are not inline there.
    """
    machine, model = MACHINES["8051"], CHAINS["quantized_classes"]
    need(machine, level)
    row = np.array([[-1, 0, 1]])
    file, texts = f"{model.name}.h", checked(model)
    texts[file] = re.sub(
        r"(?m)^#define TINYGEN_INLINE /.*", rf"#define TINYGEN_INLINE {word}", texts[file]
    )
    assert f"#define TINYGEN_INLINE {word}\n" in texts[file]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StreamMachine, "_headers", lambda *_: texts)
        assert machine.answers(model, row).ravel().tolist() == [answer]
    assert model.predict(row).tolist() == [1]


@pytest.mark.parametrize("name", ["stm8", "8051"])
def test_the_compiler_that_does_so_gets_no_other_header(name, level, tmp_path):
    """Of several files, which has arrays on the stack and inline functions."""
    machine = MACHINES[name]
    need(machine, level)
    several = replace(machine.compiler, drops_unused=True)
    with pytest.raises(BuildError, match="take `tinygen export --as header`"):
        replace(machine, compiler=several).answers(CHAINS["stump"], CHAINS["stump"].sample_rows(9))


RCALL = """
#include <avr/io.h>

int main(void)
{
    __asm__ __volatile__("rjmp 2f\\n1: ret\\n2: ldi r24,1\\n out 0x1e,r24\\n rcall 1b\\n"
                         " ldi r24,2\\n out 0x1e,r24\\n" ::: "r24");
    for (;;) {
    }
}
"""


def test_simulators_of_different_authors_count_the_same_cycles(level, toolchain, tmp_path):
    """All but those of RCALL, which takes 3 by the data sheet and 4 in yasimavr."""
    need(MACHINES["atmega328p-yasimavr"], level)
    for name in ("mlp", "forest", "votes", "branches"):  # without RCALL
        rows, found = CHAINS[name].sample_rows(60), []
        for simulator in (Simavr, Yasimavr):
            with BareChip(CHAINS[name], BOARDS["uno"], simulator=simulator) as chip:
                chip.predict(rows)
                found.append(chip.cycles.tolist())
        assert found[0] == found[1] and len(found[0]) == 60
    (tmp_path / "call.c").write_text(RCALL)
    program, counted = avr("atmega328p").compile(tmp_path / "call.c", "the case"), []
    for simulator in (Simavr, Yasimavr):
        with simulator(BOARDS["uno"], program) as chip:
            chip.run(2_000)
            counted += [inference.cycles for inference in chip.inferences]
    assert counted == [3 + 4, 4 + 4]  # and RET


TIMED = """
#include <avr/io.h>

int main(void)
{
    __asm__ __volatile__("ldi r24,1\\n out 0x1c,r24\\n %s ldi r24,2\\n out 0x1c,r24\\n"
                         ::: "r24", "r25");
    for (;;) {
    }
}
"""


@pytest.mark.parametrize(
    "code, counted, chip",
    [("push r25\\n pop r25\\n", 2 + 2, 1 + 2), ("lds r25,0x3f00\\n", 2, 3)],
    ids=["PUSH, POP", "LDS"],
)
def test_the_newer_chips_take_other_cycles_than_yasimavr_counts(
    level, toolchain, tmp_path, code, counted, chip
):
    """Those of a classic chip; the data sheet of the ATmega4809 has `chip`. So no table has cycles
    of these.
    """
    machine = MACHINES["atmega4809-yasimavr"]
    need(machine, level)
    (tmp_path / "timed.c").write_text(TIMED % code)
    program = avr("atmega4809").compile(tmp_path / "timed.c", "the case")
    with Yasimavr(machine.board, program) as simulated:
        simulated.run(2_000)
        assert [inference.cycles for inference in simulated.inferences] == [counted]
    assert counted != chip
    assert machine.cost(CHAINS["stump"]).cycles is None


def test_the_page_says_of_every_simulator_where_it_differs():
    """And names the test that shows it, where there is one."""
    page = (Path(__file__).parents[2] / "docs" / "chips.md").read_text(encoding="utf-8")
    table = page.split("## Where simulators differ from silicon")[1].split("\n\n")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")[2:]]
    names = " ".join(row[0] for row in rows)
    programs = {m.simulator_name for m in MACHINES.values()} - {"this computer"}
    words = {"sstm8": "uCsim", "s51": "uCsim"}
    for program in programs | {"avr8js"}:
        assert words.get(program, program.replace("qemu-system-", "QEMU")[:4]) in names, program
    tests = [test for row in rows for test in re.findall(r"`(test_\w+\.py)`", row[3])]
    assert len(tests) >= 4
    assert all(list(Path(__file__).parents[1].rglob(test)) for test in tests)
