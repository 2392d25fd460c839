"""Names in C: which a model may have, and how text from elsewhere stands in a comment."""

from __future__ import annotations

from ..common.errors import EmitError

# Words that would collide with a keyword, a system header, or a header of ours.
RESERVED = frozenset(
    [
        "alignas",
        "alignof",
        "and",
        "arduino",
        "asm",
        "assert",
        "auto",
        "bool",
        "break",
        "case",
        "catch",
        "char",
        "class",
        "complex",
        "const",
        "constexpr",
        "continue",
        "ctype",
        "decltype",
        "default",
        "delete",
        "do",
        "double",
        "dynamic_cast",
        "eeprom",
        "else",
        "enum",
        "errno",
        "explicit",
        "export",
        "extern",
        "false",
        "fenv",
        "float",
        "for",
        "friend",
        "goto",
        "if",
        "inline",
        "int",
        "inttypes",
        "iso646",
        "limits",
        "locale",
        "long",
        "main",
        "math",
        "model",
        "mutable",
        "namespace",
        "new",
        "noexcept",
        "not",
        "nullptr",
        "operator",
        "or",
        "private",
        "protected",
        "public",
        "register",
        "reinterpret_cast",
        "restrict",
        "return",
        "setjmp",
        "short",
        "signal",
        "signed",
        "sizeof",
        "spi",
        "static",
        "static_assert",
        "static_cast",
        "stdarg",
        "stdbool",
        "stddef",
        "stdint",
        "stdio",
        "stdlib",
        "string",
        "struct",
        "switch",
        "template",
        "this",
        "throw",
        "time",
        "true",
        "try",
        "typedef",
        "typeid",
        "typename",
        "union",
        "unsigned",
        "using",
        "virtual",
        "void",
        "volatile",
        "wchar_t",
        "while",
        "wire",
        "xor",
    ]
)


def check_prefix(name: str) -> str:
    """`name` if it may prefix C names and name a header; EmitError otherwise."""
    if name.lower() in RESERVED or name.lower().startswith("tinygen"):
        raise EmitError(
            f"model name '{name}' is a reserved word of C, Arduino or tinygen: "
            "give another with --name"
        )
    return name


def comment_safe(text: str) -> str:
    """`text` as printable ASCII that can neither end a comment nor continue a line."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in str(text))
    return (
        plain.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/").replace("??", "? ?")[:80]
    )
