"""A linked program as blocks of instructions, and what each does to a state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...host.virtual.chips import CHIPS
from ...host.virtual.image import load_image, symbols_of
from .alu import EITHER, bits_of
from .arithmetic import Step
from .assumptions import assume, narrow
from .decode import BRANCHES, CALLS, RETURNS, SKIPS, Instruction, decode
from .effects import effects
from .state import Machine, State, Unbounded
from .steps import STEPS, ZP

IO_OFFSET = 0x20  # between I/O and data addresses
WORDS_OF_TWO_BYTES = 65_536  # of flash: more of them need a return address of three bytes
BIT = [sum(1 << v for v in range(256) if v >> bit & 1) for bit in range(8)]
EVERY = (1 << 256) - 1
END = -1  # in place of an address: behind the last instruction that counts
BEGIN_MARK, END_MARK = 1, 2
MODEL = "model_run"  # is in the name of the function that a program calls between its marks
ARGUMENT = 24  # the registers of its argument, the address of a row
# Where a row is taken to lie: no chip has RAM there. GCC compares addresses with each other only,
# so that the place makes no difference.
ROW = 0x8000


class Block(NamedTuple):
    """Instructions that run one after the other, up to one that goes elsewhere."""

    steps: tuple[tuple[Step, Instruction], ...]
    cycles: int  # of the steps
    last: Instruction | None  # what goes elsewhere; None: on to `after`
    place: int  # word address of `last`
    after: int  # word address behind the block; END where it ends at the second mark


@dataclass(frozen=True)
class Function:
    """A function's name and where it lies, as byte addresses."""

    name: str
    start: int
    end: int


class Program:
    """A linked program for a classic AVR."""

    def __init__(self, machine: Machine, end: int, functions: tuple[Function, ...] = ()) -> None:
        """end: the byte address behind the last one that the program has in `machine.flash`."""
        self.machine, self.functions = machine, functions
        self._model = {f.start // 2 for f in functions if MODEL in f.name}
        self.through: int | None = None  # where a call by a pointer that is not known goes
        self._words = [
            int.from_bytes(machine.flash[at : at + 2], "little") for at in range(0, end + 2, 2)
        ]
        self._decoded: dict[int, Instruction] = {}
        self._blocks: dict[int, Block] = {}
        self._leaders = self._find_leaders()

    @classmethod
    def read(cls, elf: Path, mcu: str) -> Program:
        """The program in an ELF file, for a chip by the name that GCC has for it."""
        chip = CHIPS[mcu]
        flash, end = bytearray(b"\xff" * chip.flash_bytes), 0
        for start, content in load_image(elf).segments:
            flash[start : start + len(content)] = content
            end = max(end, start + len(content))
        return_bytes = 3 if chip.flash_bytes // 2 > WORDS_OF_TWO_BYTES else 2
        mark = chip.gpior0 - IO_OFFSET
        machine = Machine(bytes(flash), return_bytes, chip.ram_start, mark, chip.ram_end)
        return cls(machine, end, _functions(elf))

    def go_through(self, name: str) -> None:
        """Takes every call by a pointer that is not known to be one of the function whose symbol
        has `name` in it.
        """
        found = [f.start // 2 for f in self.functions if name in f.name]
        if len(found) != 1:
            raise Unbounded(f"{len(found)} functions are called {name}")
        self.through = found[0]

    # ---- code ------------------------------------------------------------------------------------

    def at(self, place: int) -> Instruction:
        """The instruction at a word address."""
        found = self._decoded.get(place)
        if found is None:
            if not 0 <= place < len(self._words) - 1:
                raise Unbounded("goes where there is no program")
            got = self._decode(place)
            if got is None:
                raise Unbounded(f"is no instruction: {self._words[place]:#06x}")
            found = self._decoded[place] = got
        return found

    def _decode(self, place: int) -> Instruction | None:
        """The instruction at a word address. A jump beyond one end of flash goes on at the other:
        so the linker reaches all of 8 KB.
        """
        found = decode(self._words[place], self._words[place + 1], place)
        if found and found.name in ("rjmp", "rcall"):
            return found._replace(a=found.a % (len(self.machine.flash) // 2))
        return found

    def _find_leaders(self) -> frozenset[int]:
        """Word addresses that an instruction may go to; a few more where tables look like code."""
        found = set()
        for place in range(len(self._words) - 1):
            i = self._decode(place)
            if i is None:
                continue
            if i.name in BRANCHES:
                found |= {i.b, place + 1}
            elif i.name in ("rjmp", "rcall", "jmp", "call"):
                found |= {i.a, place + i.words}
            elif i.name in SKIPS:
                found |= {place + 1, place + 2, place + 3}
        return frozenset(found)

    def starts(self) -> list[tuple[int, State]]:
        """Word addresses behind every first mark, with what is known there."""
        return [start for function in self.functions for start in self._marked(function)]

    def _marked(self, function: Function) -> list[tuple[int, State]]:
        """Behind the first marks of a function. A register of a mark is known where an LDI right
        before it tells, or the function's only write to it.
        """
        body = self._body(function)
        marks = {
            place: (i.a, _written(body, place, i.a))
            for place, i in body
            if i.name == "out" and i.b == self.machine.mark
        }
        found = []
        for place, (_, mark) in marks.items():
            if mark == BEGIN_MARK:
                state = State(self.machine.stack_top - 64)  # what is on the stack does not matter
                for register, value in marks.values():
                    if value is not None and _written(body, place, register) == value:
                        state.r[register] = value
                found.append((place + 1, state))
        return found

    def _body(self, function: Function) -> list[tuple[int, Instruction]]:
        body, place = [], function.start // 2
        while place < function.end // 2:
            i = self._decode(place) or Instruction("nop")
            body.append((place, i))
            place += i.words
        return body

    def where(self, place: int) -> str:
        """A word address, for people."""
        at = 2 * place
        inside = [f for f in self.functions if f.start <= at < f.end]
        return f"{inside[-1].name if inside else 'code'} at {at:#x}"

    def block(self, place: int) -> Block:
        """The block that begins at a word address."""
        found = self._blocks.get(place)
        if found is None:
            found = self._blocks[place] = self._read_block(place)
        return found

    def _read_block(self, place: int) -> Block:
        steps: list[tuple[Step, Instruction]] = []
        cycles = 0
        while True:
            i = self.at(place)
            if i.name == "out" and i.b == self.machine.mark:
                return Block(tuple(steps), cycles, i, place, place + 1)
            step = STEPS.get(i.name)
            if step is None:
                return Block(tuple(steps), cycles, i, place, place + i.words)
            steps.append((step, i))
            cycles += i.cycles
            place += i.words
            if place in self._leaders:
                return Block(tuple(steps), cycles, None, place, place)

    # ---- what runs -------------------------------------------------------------------------------

    def run(self, state: State, place: int) -> list[tuple[int, State]]:
        """Where a state goes from the block at `place`, with what is known there; takes `state`."""
        block = self.block(place)
        machine = self.machine
        try:
            for step, instruction in block.steps:
                step(state, instruction, machine)
            state.cycles += block.cycles
            if block.last is None:
                return [(block.after, state)]
            return self._leave(state, block.last, block.place)
        except Unbounded as error:
            raise Unbounded(f"{self.where(block.place)} {error}") from None

    def _leave(self, s: State, i: Instruction, place: int) -> list[tuple[int, State]]:
        name = i.name
        s.cycles += i.cycles
        if name in BRANCHES:
            taken = int(name == "brbs")
            return self._fork(s, [(i.b, 1, taken), (place + 1, 0, 1 - taken)], i.a)
        if name in SKIPS:
            return self._skip(s, i, place)
        if name in ("jmp", "rjmp"):
            return [(i.a, s)]
        if name == "out":
            return [(self._mark(s, i, place), s)]
        if name in CALLS:
            return [self._call(s, i, place)]
        if name in RETURNS:
            return [self._return(s)]
        if name in ("ijmp", "eijmp"):
            return [(self._by_pointer(s), s)]
        raise Unbounded(f"has the instruction {name}")

    def _mark(self, s: State, i: Instruction, place: int) -> int:
        """Where it goes on behind a mark: the first begins the count, the second ends it."""
        value = s.r[i.a]
        if value == BEGIN_MARK:
            s.cycles, s.top, s.lowest = 0, s.sp, s.sp
            return place + 1
        if value != END_MARK:
            raise Unbounded("writes a mark that is not known")
        before = decode(self._words[place - 1], 0, place - 1)
        loads = before is not None and before[:3] == ("ldi", i.a, END_MARK)
        s.cycles -= i.cycles + loads  # as the simulator counts: up to the instruction that loads it
        return END

    def _fork(self, s: State, ways: list[tuple[int, int, int]], flag: int) -> list:
        """ways: (where to, cycles more, value of the flag)."""
        known = s.f[flag]
        found = []
        for to, cycles, value in ways:
            if known in (EITHER, value):
                state = s.copy() if known == EITHER else s
                state.cycles += cycles
                if assume(state, flag, value):
                    found.append((to, state))
        return found

    def _skip(self, s: State, i: Instruction, place: int) -> list[tuple[int, State]]:
        words = self.at(place + 1).words
        skipped, found = place + 1 + words, []
        for yes in (False, True):
            state = s.copy()
            if _assume_skip(state, i, yes):
                state.cycles += words if yes else 0
                found.append((skipped if yes else place + 1, state))
        return found

    def _call(self, s: State, i: Instruction, place: int) -> tuple[int, State]:
        to = i.a if i.name in ("call", "rcall") else self._by_pointer(s)
        back, size = place + i.words, self.machine.return_bytes
        if to in self._model and s.pair(ARGUMENT) is None:
            s.put_pair(ARGUMENT, ROW)
        s.cycles += size - 2
        before = s.sp
        for k in range(size):
            s.push(back >> 8 * k & 255, to != back)
        if to != back:  # RCALL to the next instruction reserves room on the stack
            if any(to == called for _, called, _ in s.calls):
                raise Unbounded(f"calls {self.where(to)} from within it: a recursion has no bound")
            s.calls = (*s.calls, (before, to, back))
        return to, s

    def _return(self, s: State) -> tuple[int, State]:
        size = self.machine.return_bytes
        s.cycles += size - 2
        back = 0
        for _ in range(size):
            value = s.pop()
            if value > 255:
                raise Unbounded("returns to an address that is not known")
            back = back << 8 | value
        return back, s

    def _by_pointer(self, s: State) -> int:
        to = s.pair(ZP)
        if to is None:
            to = self.through
        if to is None:
            raise Unbounded("jumps or calls through a pointer that is not known")
        return to


def _assume_skip(s: State, i: Instruction, yes: bool) -> bool:
    """Takes in that an instruction skips, or not; False if that cannot be."""
    if i.name in ("sbrs", "sbrc"):
        wanted = BIT[i.b] if yes == (i.name == "sbrs") else EVERY & ~BIT[i.b]
        return narrow(s, i.a, wanted)
    if i.name == "cpse":
        a, b = bits_of(s.r[i.a]), bits_of(s.r[i.b])
        if i.a == i.b:
            return yes
        if yes:
            return narrow(s, i.a, b) and narrow(s, i.b, a)
        if s.r[i.b] < 256:
            return narrow(s, i.a, EVERY & ~b)
        return s.r[i.a] > 255 or narrow(s, i.b, EVERY & ~a)
    return True  # a bit of an I/O register


def _written(body: list[tuple[int, Instruction]], place: int, register: int) -> int | None:
    """What a register holds at a place of a function; None where that is not plain."""
    index = next(k for k, (at, _) in enumerate(body) if at == place)
    if index and body[index - 1][1].name == "ldi" and body[index - 1][1].a == register:
        return body[index - 1][1].b
    writes = [k for k, (_, i) in enumerate(body) if effects(i).writes >> register & 1]
    writes = [k for k in writes if body[k][1].name != "pop"]
    if len(writes) == 2 and [_plain(body[k][1]) for k in writes] == [
        ("eor", register, register),
        ("inc", register, 0),
    ]:
        return 1  # GCC's 1 in a low register
    if len(writes) != 1:
        return None
    one = body[writes[0]][1]
    if one.name == "mov" and writes[0]:  # GCC loads a low register by way of a high one
        load = body[writes[0] - 1][1]
        return load.b if (load.name, load.a) == ("ldi", one.b) else None
    return one.b if one.name == "ldi" else None


def _plain(i: Instruction) -> tuple[str, int, int]:
    return i.name, i.a, i.b


def _functions(elf: Path) -> tuple[Function, ...]:
    """Every function of the program, by address."""
    found = [
        Function(s.name, s.value, s.value + s.size)
        for s in symbols_of(elf)
        if s.is_function and s.size
    ]
    return tuple(sorted(found, key=lambda f: f.start))
