"""The decoder against avr-objdump, and what the walk makes of instructions against simavr."""

import random
import re
import subprocess
from functools import cache

import pytest
from random_models import random_models
from tinygen.host.virtual.chips import CHIPS
from tinygen.host.virtual.image import load_image
from tinygen.host.virtual.simavr import SimBoard

from tinygen.common.boards import BOARDS
from tinygen.target.bare import compile_bare
from tinygen.target.bound import alu, decode
from tinygen.target.bound.effects import effects
from tinygen.target.bound.program import Program
from tinygen.target.bound.state import Machine, State
from tinygen.target.bound.steps import STEPS

MEGA = BOARDS["megaatmega2560"]
LINE = re.compile(r"^ +([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(\S+)\t?([^;]*)(.*)$")
# objdump's names of what has another one here
ALIASES = {
    **dict.fromkeys(["brcs", "breq", "brmi", "brvs", "brlt", "brhs", "brts", "brie"], "brbs"),
    **dict.fromkeys(["brcc", "brne", "brpl", "brvc", "brge", "brhc", "brtc", "brid"], "brbc"),
    **dict.fromkeys(["sec", "sez", "sen", "sev", "ses", "seh", "set", "sei"], "bset"),
    **dict.fromkeys(["clc", "clz", "cln", "clv", "cls", "clh", "clt", "cli"], "bclr"),
}


def name_of(word: str, operands: str) -> str:
    """The decoder's name of an instruction that objdump prints."""
    word = ALIASES.get(word, word)
    operands = operands.strip()
    if word in ("ld", "st"):
        pointer = operands.split(", ")[word == "ld"].lower()
        if pointer in ("y", "z"):
            return f"{word}d_{pointer}"
        return f"{word}_{pointer}"
    if word in ("ldd", "std"):
        pointer = operands.split(", ")[word == "ldd"].lower()
        return f"{word}_{pointer[0]}"
    if word in ("lpm", "elpm"):
        return word + ("_0" if not operands else "+" if operands.endswith("+") else "")
    return word


@pytest.mark.parametrize("board_id", ["uno", "megaatmega2560", "attiny85"])
def test_every_instruction_of_a_program_is_read_as_objdump_reads_it(board_id, toolchain, tmp_path):
    board = BOARDS[board_id]
    elf = compile_bare(random_models()["mlp"], board, tmp_path, 8)
    gcc = toolchain.avr_gcc
    objdump = gcc.with_name(gcc.name.replace("avr-gcc", "avr-objdump"))
    text = subprocess.run([objdump, "-d", elf], capture_output=True, text=True, check=True).stdout
    lines = [found for line in text.splitlines() if (found := LINE.match(line))]
    flash = dict(load_image(elf).segments)[0]
    first = int(re.search(r"^([0-9a-f]+) <__ctors_end>:|^([0-9a-f]+) <main>:", text, re.M)[1], 16)
    lines = [line for line in lines if int(line[1], 16) >= first and line[3] != ".word"]
    assert len(lines) > 150
    for line in lines:
        at, code = int(line[1], 16), bytes.fromhex(line[2])
        assert flash[at : at + len(code)] == code
        words = [int.from_bytes(code[k : k + 2], "little") for k in range(0, len(code), 2)]
        found = decode.decode(words[0], (words + [0])[1], at // 2)
        assert found and found.words == len(words), line[0]
        assert found.name == name_of(line[3], line[4]), line[0]
        for register in re.findall(r"\br(\d+)\b", line[4])[:1]:  # of most the first operand
            if not found.name.startswith(("st", "out", "adiw", "sbiw")):
                assert found.a == int(register), line[0]
        constant = re.search(r"r\d+, 0x([0-9A-Fa-f]{2})$", line[4].strip())
        assert not constant or found.b == int(constant[1], 16), line[0]
        target = re.search(r"; 0x([0-9a-f]+) <", line[5])
        if target and found.name in ("brbs", "brbc", "rjmp", "rcall", "jmp", "call"):
            assert 2 * (found.b if found.name.startswith("br") else found.a) == int(target[1], 16)


# ---- instructions on the simulated chip ------------------------------------------------------

ONE = ("com", "neg", "inc", "dec", "asr", "lsr", "ror", "swap")
TWO = ("add", "adc", "sub", "sbc", "and", "or", "eor", "cp", "cpc", "mov", "mul")
CONSTANT = ("cpi", "sbci", "subi", "ori", "andi", "ldi")
NARROW = ("mulsu", "fmul", "fmuls", "fmulsu")
TRIES = 3


@cache
def patterns() -> dict[str, str]:
    return dict(line.split() for line in decode.ENCODINGS.strip().splitlines())


def encode(name: str, **fields: int) -> int:
    """The word of an instruction, its fields as in decode.ENCODINGS."""
    bits = ""
    left = {
        letter: f"{value:0{patterns()[name].count(letter)}b}" for letter, value in fields.items()
    }
    for bit in patterns()[name]:
        if bit in "01":
            bits += bit
        else:
            bits, left[bit] = bits + left[bit][0], left[bit][1:]
    return int(bits, 2)


def any_instruction(rng: random.Random) -> int:
    """The word of an arithmetic instruction with random operands."""
    kind = rng.choice(
        [*ONE, *TWO, *CONSTANT, *NARROW, "muls", "movw", "adiw", "sbiw", "bst", "bld"]
    )
    d, r = rng.randrange(32), rng.randrange(32)
    if rng.random() < 0.2:
        r = d
    if kind in ONE:
        return encode(kind, d=d)
    if kind in TWO:
        return encode(kind, d=d, r=r)
    if kind in CONSTANT:
        return encode(kind, d=d % 16, K=rng.choice([0, 1, 127, 128, 255, rng.randrange(256)]))
    if kind in NARROW:
        return encode(kind, d=d % 8, r=r % 8)
    if kind in ("muls", "movw"):
        return encode(kind, d=d % 16, r=r % 16)
    if kind in ("adiw", "sbiw"):
        return encode(kind, d=d % 4, K=rng.randrange(64))
    return encode(kind, d=d, b=rng.randrange(8))


def case(word: int, registers: list[int], flags: int, at: int) -> list[int]:
    """The program that sets all registers and flags, runs `word`, and stores all from `at` on."""
    words = [encode("ldi", d=0, K=flags), encode("out", d=16, A=0x3F)]
    for k in range(16):
        words += [encode("ldi", d=0, K=registers[k]), encode("mov", d=k, r=16)]
    words += [encode("ldi", d=k, K=registers[16 + k]) for k in range(16)]
    words.append(word)
    for k in range(32):
        words += [encode("sts", d=k), at + k]
    return [*words, encode("in", d=16, A=0x3F), encode("sts", d=16), at + 32]


def hex_file(words: list[int]) -> str:
    code = b"".join(word.to_bytes(2, "little") for word in words)
    lines = []
    for at in range(0, len(code), 16):
        record = bytes([len(code[at : at + 16]), at >> 8, at & 255, 0]) + code[at : at + 16]
        lines.append(f":{record.hex()}{-sum(record) & 255:02x}")
    return "\n".join([*lines, ":00000001ff", ""]).upper()


@pytest.fixture(scope="module")
def ran(simavr, tmp_path_factory):
    """(word, registers and flags before, the same after) of random cases, from the simulator; and
    the cycles of them all together with those that the decoder tells.
    """
    rng = random.Random(5)
    count, found = 200, []
    mark = CHIPS[MEGA.mcu].gpior0 - 0x20
    words = [encode("ldi", d=0, K=1), encode("out", d=16, A=mark)]
    for k in range(count):
        before = [rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)]) for _ in range(32)]
        found.append((any_instruction(rng), before, rng.randrange(128)))
        words += case(*found[-1], at=0x200 + 33 * k)
    words += [encode("ldi", d=0, K=2), encode("out", d=16, A=mark), encode("rjmp", k=0xFFF)]
    image = tmp_path_factory.mktemp("cases") / "cases.hex"
    image.write_text(hex_file(words))
    code = b"".join(word.to_bytes(2, "little") for word in words[2:-3])
    told = sum(i.cycles for _, i in decode.sweep(code, 0))
    with SimBoard(MEGA, image) as sim:
        sim.run(count * 400)
        after = [list(sim.read_memory(0x200 + 33 * k, 33)) for k in range(count)]
        assert [one.cycles for one in sim.inferences] == [told]
    return [(*one, end) for one, end in zip(found, after)]


def state_of(registers: list[int], flags: int) -> State:
    state = State(0x21FF)
    state.r = list(registers)
    state.f = [flags >> k & 1 for k in range(8)]
    return state


def holds(state: State, registers: list[int], flags: int) -> bool:
    """True if a chip's registers and flags are among those that the state allows."""
    zero = [r == 0 for r in registers] + [not flags & 1]
    return (
        all(alu.bits_of(a) >> b & 1 for a, b in zip(state.r, registers))
        and all(a in (alu.EITHER, flags >> k & 1) for k, a in enumerate(state.f[:7]))
        and all(any(places >> k & 1 and not zero[k] for k in range(33)) for places in state.nonzero)
        and all(registers[a] == registers[b] for a, b in state.copies)
    )


def run_one(state: State, word: int) -> State:
    instruction = decode.decode(word, 0, 0)
    STEPS[instruction.name](state, instruction, Machine(b"\0" * 64, 3, 0x200, 0x1E, 0x21FF))
    return state


def test_instructions_do_what_the_simulated_chip_does(ran):
    seen = set()
    for word, before, flags, after in ran:
        instruction = decode.decode(word, 0, 0)
        seen.add(instruction.name)
        state = run_one(state_of(before, flags), word)
        assert state.r == after[:32], instruction
        got = sum(bit << k for k, bit in enumerate(state.f))
        assert got & 0x7F == after[32] & 0x7F, (instruction, before[instruction.a], flags)
    assert len(seen) > 30


def blurred(rng: random.Random, value: int) -> int:
    """A set of values with this one in it."""
    more = rng.choice([[], [], [rng.randrange(256)], rng.sample(range(256), 3)])
    return rng.choice([alu.ANY, alu.of_bits(sum(1 << v for v in {value, *more}))])


def test_what_is_unknown_never_excludes_what_the_chip_does(ran):
    rng = random.Random(6)
    for word, before, flags, after in ran:
        for _ in range(TRIES):
            state = state_of([blurred(rng, v) for v in before], flags)
            state.f = [rng.choice([bit, alu.EITHER]) for bit in state.f]
            assert holds(state, before, flags)
            run_one(state, word)
            assert holds(state, after[:32], after[32]), decode.decode(word, 0, 0)


# ---- whole ways through a program ------------------------------------------------------------


def any_program(rng: random.Random, length: int) -> list[int]:
    """Random words: arithmetic, comparisons of pairs, forward branches and skips."""
    words: list[int] = []
    while len(words) < length:
        kind = rng.randrange(6)
        if kind == 0:
            words.append(
                encode(rng.choice(["brbs", "brbc"]), s=rng.randrange(5), k=rng.randrange(3))
            )
        elif kind == 1:
            name = rng.choice(["sbrc", "sbrs"])
            words.append(encode(name, d=rng.randrange(32), b=rng.randrange(8)))
        elif kind == 2:
            a, b = rng.choice([0, 16, 24]), rng.choice([0, 1, 16, 24])
            words += [encode("cp", d=a, r=b), encode("cpc", d=a + 1, r=min(b + 1, 31))]
            words.append(encode("brbc", s=rng.choice([0, 1, 4]), k=1))
        elif kind == 3:
            words += [encode("add", d=24, r=24), encode("adc", d=25, r=25)]
        elif kind == 4:
            words.append(encode("movw", d=rng.randrange(16), r=12))
        else:
            words.append(any_instruction(rng))
    return words


@pytest.mark.parametrize("seed", range(25))
def test_a_chip_never_leaves_the_ways_of_the_walk(seed):
    """A state of which all is known takes one of the ways of a state of which little is, and stays
    within it: comparisons, what branches tell, and what is remembered of both.
    """
    rng = random.Random(seed)
    words = any_program(rng, 40)
    ends = [encode("rjmp", k=0xFFF)] * 8
    flash = b"".join(w.to_bytes(2, "little") for w in words + ends)
    program = Program(Machine(flash, 2, 0x100, 0x1E, 0x8FF), len(flash))
    for _ in range(10):
        values = [rng.choice([0, 0, 1, 0x7F, 0x80, rng.randrange(256)]) for _ in range(32)]
        values[1] = 0
        chip = state_of(values, rng.randrange(128))
        walk = chip.copy()
        walk.r = [blurred(rng, v) if k != 1 else v for k, v in enumerate(values)]
        walk.f = [alu.EITHER] * 8
        place = 0
        while place < len(words):
            ((to, after),) = program.run(chip, place)
            ways = program.run(walk, place)
            bits = sum(bit << k for k, bit in enumerate(after.f[:7]))
            fitting = [
                way
                for there, way in ways
                if (there, way.cycles) == (to, after.cycles) and holds(way, after.r, bits)
            ]
            assert fitting, program.block(place)
            walk, chip, place = fitting[0], after, to


@pytest.mark.parametrize("name", ["rjmp", "rcall", "jmp", "call"])
def test_a_jump_far_back_has_no_effect_on_registers(name):
    """Words of a table, read as instructions."""
    assert effects(decode.Instruction(name, -949)).writes < 1 << 32
