"""The stack: a bound read off the machine code, what the simulator saw at most, and a budget; in
this order they must lie.
"""

import subprocess

import pytest
from stack_bound import Unbounded, stack_bound
from test_loop import BAUDS, MODEL, firmware, rows_of  # noqa: F401 - a fixture
from test_reliability import noise
from tinygen.host import protocol
from tinygen.host.link import open_link
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url
from tinygen.host.virtual.simavr import SimBoard

from tinygen.common.boards import BOARDS

BUDGET = 256  # bytes, of an Uno's 2,048
RETURN_BYTES = {"uno": 2, "megaatmega2560": 3}
FLAGS = ("-Os", "-std=gnu99", "-Wall")


def objdump(tools):
    """The disassembler beside the compiler."""
    return str(tools.avr_gcc.with_name(tools.avr_gcc.name.replace("avr-gcc", "avr-objdump")))


def busy_life(link) -> None:
    """Everything a board can be asked, with interrupts at all moments: rows, questions, refusals,
    noise, bursts, a reset.
    """
    rows = rows_of(400, seed=7).tolist()
    list(stream(link, rows))
    link.status()
    for kind in (protocol.Kind.ROW, 9, protocol.Kind.HELLO):
        link.send(protocol.encode(protocol.Frame(kind, link.session, 1, bytes(6)), link.seed))
    link.send(
        b"".join(
            protocol.encode_row(link.session, i, row, link.seed) for i, row in enumerate(rows[:30])
        )
    )
    link.receive(0.3)
    link.port.board.fault = noise("flip", 1e-3, 5)
    list(stream(link, rows, timeout=0.02))
    link.port.board.fault = None
    link.port.board.reset()
    list(stream(link, rows[:50]))


@pytest.mark.parametrize("board_id", BAUDS)
def test_measured_bound_budget(firmware, simavr, figures, board_id):  # noqa: F811
    board, elf = firmware(board_id)
    bound = stack_bound(elf, objdump(simavr), RETURN_BYTES[board_id])
    with open_link(avr_url(board_id, elf), MODEL, board) as link:
        busy_life(link)
        measured = link.port.board.stack_bytes
    assert 0 < measured <= bound["total"] <= BUDGET, (measured, bound)
    figures(
        f"stack, {board_id}",
        f"{measured} bytes seen, {bound['total']} at most "
        f"({bound['interrupt']} of them an interrupt's), budget {BUDGET}",
    )


# ---- negative controls: what the bound must see ----

PROGRAMS = {
    "recursion": (
        "int depth(int n) { return n ? depth(n - 1) + in(n) : 0; }\nint main(void) { return "
        "depth(in(3)); }",
        "calls itself",
    ),
    "a pointer": (
        "int (*volatile where)(int);\nint main(void) { return where(1); }",
        "through a pointer",
    ),
    "a size that varies": (
        "int main(void) { volatile char *at = __builtin_alloca((unsigned)in(5)); at[0] = 1; "
        "return at[0]; }",
        "stack pointer|no constant",
    ),
    "a heap": (
        "#include <stdlib.h>\nint main(void) { return malloc((unsigned)in(5)) != 0; }",
        "a heap grows towards the stack: malloc",
    ),
    "nested interrupts": (
        "#include <avr/interrupt.h>\nISR(TIMER0_OVF_vect, ISR_NOBLOCK) { in(1); }\n"
        "int main(void) { return in(1); }",
        "lets others in",
    ),
}
IN = (
    '#include <avr/io.h>\n__attribute__((noinline)) int in(int n) { __asm__ __volatile__("" : '
    '"+r"(n)); return n; }\n'
)


def compile_text(tools, folder, text: str, mcu: str = "atmega328p"):
    (folder / "program.c").write_text(IN + text)
    done = subprocess.run(
        [
            tools.avr_gcc,
            f"-mmcu={mcu}",
            *FLAGS,
            "-fno-optimize-sibling-calls",
            "-o",
            folder / "program.elf",
            folder / "program.c",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "program.elf"


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_has_no_bound_is_refused(name, simavr, tmp_path):
    text, message = PROGRAMS[name]
    with pytest.raises(Unbounded, match=message):
        stack_bound(compile_text(simavr, tmp_path, text), objdump(simavr), 2)


DEEP = """
__attribute__((noinline)) int inner(int n)
{
    volatile char room[SIZE];
    for (int i = 0; i < SIZE; i++) room[i] = (char)in(n);
    return room[n];
}
__attribute__((noinline)) int outer(int n)
{
    volatile char room[20];
    for (int i = 0; i < 20; i++) room[i] = (char)n;
    return inner(n) + room[0];
}
int main(void) { GPIOR0 = (unsigned char)outer(3); for (;;) {} }
"""


@pytest.mark.parametrize("size", (3, 60, 100, 300))
@pytest.mark.parametrize("board_id", RETURN_BYTES)
def test_the_bound_is_close_to_what_is_used(board_id, size, simavr, tmp_path):
    """Frames of all the ways in which GCC reserves them: the bound is not less than is used, nor
    much more.
    """
    board = BOARDS[board_id]
    elf = compile_text(simavr, tmp_path, DEEP.replace("SIZE", str(size)), board.mcu)
    with SimBoard(board, elf) as sim:
        sim.run(100_000)
        used = sim.stack_bytes
    assert (
        size + 20
        < used
        <= stack_bound(elf, objdump(simavr), RETURN_BYTES[board_id])["total"]
        <= used + 12
    )
