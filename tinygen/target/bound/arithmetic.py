"""What instructions of arithmetic make of a state: values, flags, and what the flags will tell."""

from __future__ import annotations

from collections.abc import Callable

from .alu import EITHER, SELF, USE_CARRY, C, N, S, V, Z, members, multiply, operate
from .decode import PRODUCTS, Instruction
from .state import CARRY, Compared, Machine, State, registers_of

Step = Callable[[State, Instruction, Machine], None]
RESULT = frozenset({Z, N})  # flags that depend on the result alone
ALL = frozenset({C, Z, N, V, S})
LOGIC = frozenset({"and", "or", "eor", "tst", "com"})
CONSTANT = {"subi": "sub", "sbci": "sbc", "andi": "and", "ori": "or", "cpi": "cp"}
SHIFTS = frozenset({"lsl", "rol", "lsr", "ror"})


def _flags(s: State, flags: tuple[int | None, ...], chained: bool) -> None:
    f = s.f
    for k in range(6):
        told = flags[k]
        if told is not None:
            if k == Z and chained and told != 0:
                before = f[Z]
                told = before if told == 1 else (0 if before == 0 else EITHER)
            f[k] = told


def _shifted(places: int, name: str, a: int, carry_written: bool) -> int:
    """What a set of `nonzero` becomes by an operation on register a; a shift moves bits to the
    carry. 0: nothing is left of it.
    """
    mine, carry = places >> a & 1, places >> CARRY
    through = name in ("rol", "ror")
    if name in SHIFTS and (mine or (carry and through)):
        if carry and not through:
            return 0
        return places & ~(1 << CARRY) | 1 << a | 1 << CARRY
    return 0 if mine or (carry and carry_written) else places


def _keep_nonzero(s: State, kind: str, a: int, carry_written: bool) -> None:
    kept = (_shifted(n, kind, a, carry_written) for n in s.nonzero)
    s.nonzero = tuple(n for n in kept if n)


def _told(s: State, name: str, a: int, x: int, b: int, y: int, compares: bool) -> Compared | None:
    """What the flags will tell of a register after name(a, b) with values x and y."""
    base = {"cp": "sub", "cpc": "sbc"}.get(name, name)
    if compares:
        if y < 256:
            return Compared(a, base, y, False, True, ALL)
        if x < 256 and b >= 0:
            return Compared(b, base, x, True, True, ALL)
        return None
    if base in LOGIC:
        return Compared(a, "tst", 0, False, False, frozenset({Z, N, S}))
    if base in ("sub", "add") and y < 256:
        return Compared(a, base, y, False, False, ALL)
    if base in ("inc", "dec"):
        return Compared(a, base, 0, False, False, frozenset({Z, N, V, S}))
    return Compared(a, "tst", 0, False, False, frozenset({N}) if "sbc" in base else RESULT)


def _chained(s: State, a: int, x: int, b: int, y: int) -> Compared | None:
    """The same after cpc, the second of two comparisons."""
    first = s.told
    if first is None or first.high >= 0 or not first.kept or first.name != "sub":
        return None
    if first.turned and x < 256 and b >= 0:
        high, k = b, x
    elif not first.turned and y < 256:
        high, k = a, y
    else:
        return None
    flags = frozenset({C, Z, S})
    return Compared(first.register, "sub", first.k, first.turned, True, flags, high, k)


def _arithmetic(s: State, name: str, a: int, b: int, constant: int) -> None:
    """An operation on register a and register b, or a constant where b is below 0."""
    compares = name in ("cp", "cpc")
    kind = {"cp": "sub", "cpc": "sbc"}.get(name, name)
    x = s.r[a]
    if a == b:
        kind = SELF[name]
        y = 0
    else:
        y = s.r[b] if b >= 0 else constant
    value, flags = operate(kind, x, y, s.f[C] if kind in USE_CARRY else 0)
    if a == b:
        told = None if compares else _told(s, kind, a, x, -1, 0, False)
    elif name == "cpc":
        told = _chained(s, a, x, b, y)
    else:
        told = _told(s, name, a, x, b, y, compares)
    if s.nonzero and kind != "tst":
        _keep_nonzero(s, kind, 33 if compares else a, flags[C] is not None)
    _flags(s, flags, kind in ("sbc", "sbc_self"))
    if compares:
        _compare(s, name, (a if x > 255 else -1 - x, (b if b >= 0 else 0) if y > 255 else -1 - y))
    else:
        if kind != "tst":
            if s.held >> a & 1:
                s.forget()
            if s.copied >> a & 1:
                s.copies = tuple(pair for pair in s.copies if a not in pair)
                s.copied = registers_of(s.copies)
        s.compared = ()
        s.r[a] = value
        if s.nonzero and not s.tighten():
            s.nonzero = ()  # no chip gets here: what follows can only count too much
    s.told = told


def _compare(s: State, name: str, pair: tuple[int, int]) -> None:
    """Keeps what cp, cpi or cpc compares; what has been decided before needs no deciding."""
    s.compared = (*s.compared, pair) if name == "cpc" and s.compared else (pair,)
    if name == "cpc" and len(s.compared) == 1:
        s.compared = ()  # of bytes below it nothing is known
    s.held = registers_of(s.compared)
    if s.decided:
        s.held |= registers_of(s.decided[0])
        compared, flag, value = s.decided
        if compared == s.compared and s.f[flag] == EITHER:
            s.f[flag] = value


def _two(name: str) -> Step:
    return lambda s, i, m: _arithmetic(s, name, i.a, i.b, 0)


def _with_constant(name: str) -> Step:
    return lambda s, i, m: _arithmetic(s, name, i.a, -1, i.b)


def _one(name: str) -> Step:
    return lambda s, i, m: _arithmetic(s, name, i.a, -1, 0)


def _multiply(s: State, i: Instruction, m: Machine) -> None:
    low, high, carry, zero = multiply(i.name, s.r[i.a], s.r[i.b])
    s.put(0, low)
    s.put(1, high)
    s.f[C], s.f[Z] = carry, zero
    s.compared = ()
    s.told = None
    s.carry_written()


def _word(sign: int) -> Step:
    def run(s: State, i: Instruction, m: Machine) -> None:
        """ADIW, SBIW."""
        before = s.pair(i.a)
        s.compared = ()
        s.carry_written()
        if before is None and i.b == 0:
            _test_word(s, i.a)
            return
        if before is None:
            s.put_pair(i.a, None)
            s.f[C] = s.f[Z] = s.f[N] = s.f[V] = s.f[S] = EITHER
            s.told = None
            return
        after = before + sign * i.b
        s.put_pair(i.a, after & 0xFFFF)
        n, top = after >> 15 & 1, before >> 15
        v = n & ~top if sign > 0 else top & ~n
        s.f[C], s.f[Z], s.f[N] = int(not 0 <= after <= 0xFFFF), int(after & 0xFFFF == 0), n
        s.f[V], s.f[S] = v & 1, n ^ v & 1
        s.told = None

    return run


def _test_word(s: State, low: int) -> None:
    """The flags of two registers of which not all is known; of zero added to them."""
    may_be_zero = all(0 in members(value) for value in s.r[low : low + 2])
    negative = operate("tst", s.r[low + 1])[1][N]
    assert negative is not None
    s.f[C] = s.f[V] = 0
    s.f[Z] = EITHER if may_be_zero else 0
    s.f[N] = s.f[S] = negative
    s.told = Compared(low, "sub", 0, False, True, frozenset({Z}), low + 1, 0)


ARITHMETIC: dict[str, Step] = {
    **{name: _two(name) for name in ("add", "adc", "sub", "sbc", "and", "or", "eor", "cp", "cpc")},
    **{name: _with_constant(kind) for name, kind in CONSTANT.items()},
    **{name: _one(name) for name in ("com", "neg", "inc", "dec", "asr", "lsr", "ror")},
    **dict.fromkeys(PRODUCTS, _multiply),
    "adiw": _word(1),
    "sbiw": _word(-1),
}
