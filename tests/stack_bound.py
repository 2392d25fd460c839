"""The most stack a linked AVR program can use, read off its machine code: frames, calls, and one
interrupt on top.

An upper bound: every push of a function counts as made before each of its calls. Recursion, calls
through a pointer and frames of a size that is not constant are errors, not guesses.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

CALL, JUMP = {"call", "rcall"}, {"jmp", "rjmp"}
BY_POINTER = {"icall", "eicall", "ijmp", "eijmp"}
SWITCH = "__tablejump2__"  # jumps to a label of the function that jumped to it
HEAD = re.compile(r"^([0-9a-f]{8}) <(.+)>:$")
LINE = re.compile(r"^ +([0-9a-f]+):\t(?:[0-9a-f]{2} )+ *\t(\w+)\t?([^;]*)(?:;(.*))?$")


class Unbounded(Exception):
    """The program's stack has no bound that can be read off it."""


@dataclass
class Function:
    """What one function does to the stack."""

    name: str
    frame: int = 0  # bytes it pushes or reserves
    calls: set[int] = field(default_factory=set)
    jumps: set[int] = field(default_factory=set)
    by_pointer: bool = False
    enables_interrupts: bool = False


def stack_bound(elf: Path, objdump: str, return_bytes: int) -> dict[str, int]:
    """Bytes: {"main": program with all it calls, "interrupt": deepest routine, "total"};
    `return_bytes` is 2, or 3 beyond 128 KiB of flash.
    """
    text = subprocess.run(
        [objdump, "-d", str(elf)], capture_output=True, text=True, check=True
    ).stdout
    functions = _functions(text, return_bytes)
    starts = {function.name: address for address, function in functions.items()}
    depth = {}
    main = return_bytes + _depth(starts["main"], functions, return_bytes, depth, ())
    interrupts = [
        address for name, address in starts.items() if re.fullmatch(r"__vector_\d+", name)
    ]
    if heap := {"malloc", "realloc", "calloc"} & set(starts):
        raise Unbounded(f"a heap grows towards the stack: {', '.join(sorted(heap))} is linked")
    if any(functions[address].enables_interrupts for address in interrupts):
        raise Unbounded("an interrupt routine lets others in")
    interrupt = max(
        (
            return_bytes + _depth(address, functions, return_bytes, depth, ())
            for address in interrupts
        ),
        default=0,
    )
    return {"main": main, "interrupt": interrupt, "total": main + interrupt}


def _depth(
    address: int,
    functions: dict[int, Function],
    return_bytes: int,
    known: dict[int, int],
    above: tuple,
) -> int:
    """Stack of a function and all it calls, without its own return address."""
    if address in above:
        raise Unbounded(f"{functions[address].name} calls itself")
    if address not in known:
        function = functions[address]
        if function.by_pointer:
            raise Unbounded(f"{function.name} calls through a pointer")
        inner = [
            return_bytes + _depth(callee, functions, return_bytes, known, (*above, address))
            for callee in function.calls
        ]
        inner += [
            _depth(callee, functions, return_bytes, known, (*above, address))
            for callee in function.jumps
        ]
        known[address] = function.frame + max(inner, default=0)
    return known[address]


def _functions(text: str, return_bytes: int) -> dict[int, Function]:
    functions: dict[int, Function] = {}
    bodies: dict[int, list] = {}
    for line in text.splitlines():
        if head := HEAD.match(line):
            here = int(head[1], 16)
            functions[here], bodies[here] = Function(head[2]), []
        elif (found := LINE.match(line)) and functions:
            bodies[here].append(
                (int(found[1], 16), found[2], found[3].strip(), (found[4] or "").strip())
            )
    for start, body in bodies.items():
        _read(functions[start], start, body, functions, return_bytes)
    return functions


def _read(
    function: Function, start: int, body: list, functions: dict[int, Function], return_bytes: int
) -> None:
    end = body[-1][0] if body else start
    reserved = low = 0
    for place, word, operands, note in body:
        if word == "push":
            function.frame += 1
        elif word == "sbiw" and operands.startswith("r28"):
            reserved = int(operands.split(",")[1], 16)
        elif word == "subi" and operands.startswith("r28"):
            low = int(operands.split(",")[1], 16)
        elif word in ("sbci", "sbc") and operands.startswith("r29"):
            reserved = _size(operands.split(",")[1].strip(), low)
        elif (
            word == "out"
            and operands.startswith("0x3d")
            and (not operands.endswith("r28") or reserved is None)
        ):
            raise Unbounded(f"{function.name} sets the stack pointer at {place:#x}")
        elif word == "out" and operands.startswith("0x3d"):
            function.frame, reserved = function.frame + reserved, 0
        elif word == "sei":
            function.enables_interrupts = True
        elif word in BY_POINTER:
            function.by_pointer = True
        elif word in CALL | JUMP:
            target = _target(operands, note)
            if word == "rcall" and operands == ".+0":
                function.frame += return_bytes  # how GCC reserves a few bytes
            elif (
                word in CALL and target != 0
            ):  # 0: a weak function that nobody defined, behind a test for it
                function.calls.add(_start_of(target, functions))
            elif (
                word in JUMP
                and not start <= target <= end
                and functions[_start_of(target, functions)].name != SWITCH
            ):
                function.jumps.add(_start_of(target, functions))


def _size(high: str, low: int) -> int | None:
    """Bytes that a subtraction from the frame pointer reserves; None where they are in a register.
    An end of a function adds a negative.
    """
    if high.startswith("r"):
        return low if high == "r1" else None
    size = int(high, 16) << 8 | low
    return size if size < 0x8000 else 0


def _target(operands: str, note: str) -> int:
    return int((re.search(r"0x([0-9a-f]+)", note) or re.search(r"0x([0-9a-f]+)", operands))[1], 16)


def _start_of(target: int, functions: dict[int, Function]) -> int:
    """The function a call lands in, wherever in it."""
    return max(start for start in functions if start <= target)
