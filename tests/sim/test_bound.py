"""The bound of a model's cycles and stack, against what the simulator sees; and what has none."""

import subprocess
from dataclasses import replace
from statistics import median

import numpy as np
import pytest
from family_models import TASKS, street_model
from limit_models import limit_model
from random_models import forest, random_models

from tinygen.common.boards import BOARDS
from tinygen.common.choices import OPTIMIZE
from tinygen.common.errors import CheckError, DoesNotFit
from tinygen.target import bare
from tinygen.target.bare import BareChip, measure_cost
from tinygen.target.bound import CycleBound, Unbounded, cycle_bound

UNO, MEGA, TINY = (BOARDS[name] for name in ("uno", "megaatmega2560", "attiny85"))
CHAINS = random_models()
ROWS = 300
MOST_MEDIAN_GAP = 0.02
# at a commit each family once, and every fourth chain; chips that multiply in turn
COMMIT = [(family, task, goal, UNO) for (family, task), goal in zip(TASKS, 5 * OPTIMIZE)]
RELEASE = [
    (f, t, goal, board) for f, t in TASKS for goal in OPTIMIZE for board in (UNO, MEGA, TINY)
]


def gap_of(model, board) -> float:
    """By which part the bound is above the most cycles seen; neither is below what was seen."""
    with BareChip(model, board) as chip:
        chip.predict(model.sample_rows(ROWS, seed=1))
        bound, seen = cycle_bound(chip.elf, board.mcu), int(chip.cycles.max())
        assert bound.cycles >= seen, (model.name, model.optimize, board.pio_id)
        assert bound.stack_bytes >= chip.model_bytes()[2]
    return bound.cycles / seen - 1


def test_no_family_exceeds_its_bound(level, simavr, figures):
    cases = COMMIT if level == "commit" else RELEASE
    gaps = {
        case: gap_of(replace(street_model(*case[:2]), optimize=case[2]), case[3]) for case in cases
    }
    close = [gap for case, gap in gaps.items() if case[3] is not TINY]
    figures(
        "bound of cycles, families",
        f"{len(close)} programs, median gap {median(close):.2%}, largest {max(close):.2%}",
    )
    assert median(close) <= MOST_MEDIAN_GAP


def test_no_chain_exceeds_its_bound(level, simavr, figures):
    every = list(CHAINS.values())
    cases = [(m, UNO) for m in every[::4]] if level == "commit" else []
    if not cases:
        goals = [replace(m, optimize=goal) for m in every for goal in OPTIMIZE]
        cases = [(m, board) for m in goals for board in (UNO, MEGA, TINY)]
    gaps = [(gap_of(*case), case[1]) for case in cases]
    close = [gap for gap, board in gaps if board is not TINY]
    figures(
        "bound of cycles, chains",
        f"{len(close)} programs, median gap {median(close):.2%}, largest {max(close):.2%}",
    )
    assert median(close) <= MOST_MEDIAN_GAP


def test_a_cost_tells_the_bound_and_what_was_seen(simavr):
    cost = measure_cost(CHAINS["mlp"], UNO)
    assert cost.cycles_median <= cost.cycles_seen <= cost.cycles_max
    assert cost.most_cycles == f"{cost.cycles_max:,} cycles at most"
    with BareChip(CHAINS["mlp"], UNO) as chip:
        chip.predict(CHAINS["mlp"].sample_rows(64))
        assert chip.bound() == cycle_bound(chip.elf, UNO.mcu)
        assert chip.bound().cycles == cost.cycles_max
        assert chip.bound().stack_bytes == cost.stack_bytes


@pytest.mark.parametrize("seed", [3, 24, 39], ids=["129 inputs", "200 inputs", "255 inputs"])
def test_a_wide_model_has_a_bound(seed, simavr):
    """Beside its rows the bare program keeps the mark's 1 in a low register."""
    model = limit_model(seed)
    assert len(model.inputs) > 128
    cost = measure_cost(model, UNO)
    assert 0 < cost.cycles_seen <= cost.cycles_max


def test_a_jump_over_the_end_of_flash_has_a_bound(simavr):
    """In 8 KB the linker goes from one end to the other where that is nearer."""
    node = forest(np.random.default_rng(1), 3, 30, 5, 1, 127)
    model = replace(CHAINS["tree_code"], inputs=CHAINS["tree_code"].inputs[:3], nodes=(node,))
    cost = measure_cost(model, TINY)
    assert cost.flash_bytes > 4096
    assert 0 < cost.cycles_seen <= cost.cycles_max


def test_a_model_whose_stack_overwrites_its_return_address_does_not_fit(simavr):
    """797 bytes of variables and 1,291 of stack: the program strays before the stack is looked
    at.
    """
    with pytest.raises(DoesNotFit, match="its stack included, needs more than the 2048 bytes"):
        measure_cost(limit_model(2), UNO)


def test_a_bound_below_what_is_seen_is_an_error(simavr, monkeypatch):
    """Negative control of the comparison that every measurement makes."""
    monkeypatch.setattr(bare, "cycle_bound", lambda *_: CycleBound(10, 0, 1))
    with pytest.raises(CheckError, match=r"model .branches. took \d+ cycles on the simulated"):
        measure_cost(CHAINS["branches"], UNO)


# ---- programs of which the answer is known ---------------------------------------------------

MARKED = """
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <stdint.h>
int16_t row[4] = {{ {row} }};
volatile int16_t answer;
{code}
__attribute__((noinline)) int16_t model_run(const int16_t *x) {{ {body} }}
int main(void)
{{
    GPIOR0 = 1;
    __asm__ __volatile__("" ::: "memory");
    int16_t y = model_run(row);
    __asm__ __volatile__("" : "+r"(y) :: "memory");
    GPIOR0 = 2;
    answer = y;
    for (;;) {{
    }}
}}
"""
SLOW = """
__attribute__((noinline)) int16_t slow(int16_t x)
{ for (uint8_t k = 0; k < 200; ++k) { __asm__ __volatile__("" : "+r"(x)); x ^= 3; } return x; }
"""


def linked(tools, folder, body: str, code: str = "", row: str = "1, 2, 3, 4", board=UNO):
    source = folder / "marked.c"
    source.write_text(MARKED.format(body=body, code=code, row=row))
    elf = source.with_suffix(".elf")
    command = [tools.avr_gcc, f"-mmcu={board.mcu}", "-Os", "-fno-optimize-sibling-calls"]
    done = subprocess.run([*command, "-o", elf, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return elf


def seen(elf, board=UNO) -> int:
    """Cycles of the program's one call on the simulated chip."""
    from tinygen.host.virtual.simavr import SimBoard

    with SimBoard(board, elf) as chip:
        chip.run(400_000)
        (one,) = chip.inferences
    return one.cycles


@pytest.mark.parametrize("board", [UNO, MEGA, TINY], ids=lambda board: board.pio_id)
def test_a_slow_way_that_no_row_takes_is_in_the_bound(board, simavr, tmp_path):
    """Negative control: what a simulator sees says nothing of a row that it was not given."""
    body = "return x[0] == 12345 && x[1] == -321 ? slow(x[2]) : x[2];"
    elf = linked(simavr, tmp_path, body, SLOW, board=board)
    bound = cycle_bound(elf, board.mcu).cycles
    forced = linked(simavr, tmp_path, body, SLOW, "12345, -321, 3, 4", board)
    assert 1000 < seen(forced, board) <= bound <= seen(forced, board) + 8
    assert cycle_bound(forced, board.mcu).cycles == bound


UNBOUNDED = {
    "a loop that data ends": (
        "uint8_t n = 0; while (*x++ != 77) n++; return n;",
        "",
        "model_run at 0x[0-9a-f]+: nothing bounds the rounds of this loop",
    ),
    "a loop without an end": (
        'for (;;) { __asm__ __volatile__(""); } return x[0];',
        "",
        "begins what never comes to an end",
    ),
    "a recursion": (
        "return down(x[0]);",
        "__attribute__((noinline)) int16_t down(int16_t n) { return n < 1 ? n : down(n - 2) + n; }",
        "calls down at 0x[0-9a-f]+ from within it: a recursion has no bound",
    ),
    "a call through a pointer": (
        "return way(x[0]);",
        "int16_t (*volatile way)(int16_t);",
        "jumps or calls through a pointer that is not known",
    ),
    "a frame as large as the data say": (
        "volatile char *at = __builtin_alloca(x[0]); at[0] = 1; return at[0];",
        "",
        "sets the stack pointer to a place that is not known",
    ),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_what_has_no_bound_is_refused(name, simavr, tmp_path):
    body, code, message = UNBOUNDED[name]
    with pytest.raises(Unbounded, match=message):
        cycle_bound(linked(simavr, tmp_path, body, code), UNO.mcu)


BOUNDED = {
    "a counter in memory": (
        "volatile uint8_t k[3]; for (k[1] = 0; k[1] < 40; k[1]++) { } return x[0];",
        1.0,
    ),
    "a shift by what an input says": (
        "uint16_t y = x[0]; for (uint8_t k = x[1] & 15; k; --k) y >>= 1; return y;",
        1.0,
    ),
    "up to the highest bit": (
        "uint16_t y = x[0] < 1 ? 1 : x[0]; uint8_t n = 0; while (!(y & 0x8000)) { y <<= 1; n++; } "
        "return n;",
        1.0,
    ),
    "up to the highest bit of a copy": (
        'uint16_t z = x[0] < 1 ? 1 : x[0]; __asm__ __volatile__("" : "+r"(z)); uint16_t y = z; '
        "uint8_t n = 0; while (!(y & 0x8000)) { y <<= 1; n++; } return n + z;",
        1.0,
    ),
    "a byte in room reserved by a push, written through a pointer": (
        "uint8_t n[3] = {0, 0, 0}; n[x[0] & 1] = x[1] & 15; "
        '__asm__ __volatile__("" ::: "memory"); '
        'for (uint8_t k = n[1]; k; --k) { __asm__ __volatile__(""); } return n[0];',
        1.0,
    ),
    "a division": ("return x[0] / (x[1] | 1);", 1.25),
    "a number of times that flash tells": (
        "static const uint8_t n[] PROGMEM = {3, 9, 5}; int16_t y = 0; "
        "for (uint8_t k = 0; k < 3; ++k) for (uint8_t j = pgm_read_byte(n + k); j; --j) "
        "y += x[k] ^ j; return y;",
        1.0,
    ),
}
WORST = "1, 15, 0, 0"  # a row that takes the most cycles in each of them


@pytest.mark.parametrize("board", [UNO, TINY], ids=lambda board: board.pio_id)
@pytest.mark.parametrize("name", BOUNDED)
def test_a_bound_is_what_the_worst_row_takes(name, board, simavr, tmp_path):
    body, most = BOUNDED[name]
    elf = linked(simavr, tmp_path, body, row=WORST, board=board)
    assert seen(elf, board) <= cycle_bound(elf, board.mcu).cycles <= most * seen(elf, board) + 3


def test_max_cycles_is_a_promise(simavr):
    """The slowest row of all is within a budget that the bound is within."""
    model = CHAINS["tree_deep"]
    cost = measure_cost(model, UNO, rows=model.sample_rows(4))
    with BareChip(model, UNO) as chip:
        chip.predict(model.sample_rows(5000, seed=9))
        assert cost.cycles_seen < np.max(chip.cycles) <= cost.cycles_max
