"""What a branch that is taken, or not, tells of the registers that the flags come from."""

from __future__ import annotations

from functools import cache

from .alu import EITHER, S, Z, bits_of, of_bits, where
from .state import Compared, State, registers_of


def assume(state: State, flag: int, value: int) -> bool:
    """Takes in that a flag has a value; False if it cannot have it."""
    if state.f[flag] != EITHER:
        return state.f[flag] == value
    state.f[flag] = value
    if state.compared:
        state.decided = state.compared, flag, value
        state.held = registers_of(state.compared)
    told = state.told
    if told is None or flag not in told.flags:
        return True
    if told.high >= 0:
        return _assume_word(state, told, flag, value)
    possible = where(told.name, told.k, told.turned, told.kept, flag)[value]
    return narrow(state, told.register, possible)


def narrow(state: State, register: int, possible: int) -> bool:
    """Takes in that a register has a value of a set of bits; False if it has none of them."""
    bits = bits_of(state.r[register]) & possible
    if not bits:
        return False
    state.r[register] = value = of_bits(bits)
    if state.copied >> register & 1:
        for pair in state.copies:
            if register in pair:
                state.r[pair[0]] = state.r[pair[1]] = value
    return not state.nonzero or state.tighten()


def _not_zero(state: State, low: int, high: int) -> bool:
    """Takes in that a number of two bytes is not 0, and its copies; False if it is."""
    found = [1 << low | 1 << high]
    for to, source in state.copies:
        for other, twin in state.copies:
            if (source, twin) == (low, high):
                found.append(1 << to | 1 << other)
            elif (to, other) == (low, high):
                found.append(1 << source | 1 << twin)
    state.nonzero = (*state.nonzero, *found)
    return state.tighten()


@cache
def _high_bytes(least: int, most: int, turn: int) -> int:
    return sum(1 << (b ^ turn) for b in range(least, most + 1))


def _assume_word(state: State, told: Compared, flag: int, value: int) -> bool:
    """The same of two bytes that were compared with a constant."""
    k = told.k | told.high_k << 8
    turn = 0x8000 if flag == S else 0  # the order of signed numbers
    limit = k ^ turn
    if flag == Z:
        if value == 1:
            return narrow(state, told.register, 1 << told.k) and narrow(
                state, told.high, 1 << told.high_k
            )
        least, most = 0, 0xFFFF
    elif told.turned:  # limit - x < 0
        least, most = (limit + 1, 0xFFFF) if value else (0, limit)
    else:
        least, most = (0, limit - 1) if value else (limit, 0xFFFF)
    if least > most:
        return False
    if not narrow(state, told.high, _high_bytes(least >> 8, most >> 8, turn >> 8)):
        return False
    no_zero = k == 0 if flag == Z else not least <= turn <= most
    return not no_zero or _not_zero(state, told.register, told.high)
