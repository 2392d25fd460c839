"""What SDCC 4.2 gets wrong, written so that it gets it right.

Its arrays: for the STM8 it places a variable of an inner block behind those of the block around it,
and not behind those of the blocks around that one, which it overwrites; functions that are inlined
count as blocks. It does so with variables that have an address: arrays, and what & is used on. No
option turns it off. So such variables are static there.

Its inline functions: for the 8051 it loses values of some that it has written into their callers,
where each alone is right. So none is inlined there, and the code is smaller by a third.

The smallest cases are in tests/sim/test_machines.py.
"""

from __future__ import annotations

import re

LOCAL = """
#ifndef TINYGEN_LOCAL
#if defined(__SDCC_stm8)
/* SDCC lays arrays of inner blocks over those of outer ones: none is on the stack, and no call may
 * interrupt another one. Keep the row that you pass in a static array, too. */
#define TINYGEN_LOCAL static
#else
#define TINYGEN_LOCAL
#endif
#endif
"""
INLINE = """
#ifndef TINYGEN_INLINE
#if defined(__SDCC)
#define TINYGEN_INLINE /* SDCC loses values in functions that it inlines */
#else
#define TINYGEN_INLINE inline
#endif
#endif
"""
_TYPE = r"(?:u?int(?:8|16|32)_t|float)"
_ARRAY = re.compile(rf"^( +)({_TYPE} (\w+)\[(\w+)\])(?: = \{{(.+)\}})?;$", re.MULTILINE)
_POINTER = re.compile(r"^( +)(const int8_t \*(\w+)) = (.+);$", re.MULTILINE)

_INLINE = re.compile(r"^( *)static inline (?!.*\bfloat\b)", re.MULTILINE)
_STRUCT = re.compile(r"^((?:typedef |static )*struct\b[^;{}]*\{.*?^\})", re.MULTILINE | re.DOTALL)


def marked(text: str) -> str:
    """The text with the word for their storage before the arrays of its functions, and before
    pointers whose address is taken; what these start with is assigned.
    """

    def array(found: re.Match[str]) -> str:
        indent, declared, name, length, first = found.groups()
        line = f"{indent}TINYGEN_LOCAL {declared};"
        if not first:
            return line
        if length == "1":
            return f"{line}\n{indent}{name}[0] = {first};"
        if first != "0":
            return found[0]
        return (
            f"{line}\n{indent}for (uint8_t i = 0; i < {length}; ++i) {{\n"
            f"{indent}    {name}[i] = 0;\n{indent}}}"
        )

    def pointer(found: re.Match[str]) -> str:
        indent, declared, name, value = found.groups()
        if not re.search(rf"&{name}\b", text):
            return found[0]
        return f"{indent}TINYGEN_LOCAL {declared};\n{indent}{name} = {value};"

    parts = _STRUCT.split(text)
    parts[::2] = [_POINTER.sub(pointer, _ARRAY.sub(array, part)) for part in parts[::2]]
    return "".join(parts)


def called(text: str) -> str:
    """The text with the word for inlining in its functions of integers. Those of float, which take
    readings in their units, stay inline: what is not is linked even where nobody calls it.
    """
    return _INLINE.sub(r"\1static TINYGEN_INLINE ", text)
