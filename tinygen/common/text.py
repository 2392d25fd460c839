"""Text from a file, a model or a user on its way into something that is generated.

A column name, a unit, a label or a note may hold anything. Each kind of output has one function
here, and everything that is generated takes its text through it: `comment`, `c_string` and
`identifiers` for C and sketches, `markdown`, `page` for HTML, XML and the terminal. JSON goes
through the json module.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from anyascii import anyascii

from .errors import plain

COMMENT_WIDTH = 80
OHM = str.maketrans({"\u03a9": "Ohm", "\u2126": "Ohm"})
PLACE_WIDTH = 24  # characters of an identifier that a text becomes
ALLOWED = frozenset(string.ascii_letters + string.digits + " !\"#$%&'()*+,-./:;<=>?@[]^_`{|}~")
# what two allowed characters may not form: the ends of a comment, and a trigraph's beginning
PAIRS = re.compile(r"\*(?=/)|/(?=\*)|\?(?=\?)")


def comment(text: object) -> str:
    """One line of printable ASCII that stays inside a C comment, whatever stands around it.

    Letters of other scripts are transliterated, a backslash becomes a slash, and every character
    that is not allowed a space. No "*/", "/*", "??" or backslash is left, in any order.
    """
    ascii_text = anyascii(str(text).translate(OHM)).replace("\\", "/")
    kept = "".join(c if c in ALLOWED else " " for c in ascii_text)
    shown = PAIRS.sub(r"\g<0> ", " ".join(kept.split()))[:COMMENT_WIDTH].strip()
    return shown or ("?" if text else "")


def c_string(text: str) -> str:
    """The text as a C string literal: printable ASCII as it is, every other byte of its UTF-8, and
    what means something in a literal, as three octal digits.
    """
    plain_bytes = (string.ascii_letters + string.digits + " !#$%&'()*+,-./:;<=>@[]^_`{|}~").encode()
    data = text.encode("utf-8", "replace")
    return '"' + "".join(chr(b) if b in plain_bytes else f"\\{b:03o}" for b in data) + '"'


def identifiers(texts: Iterable[str], nameless: str) -> list[str]:
    """A different C identifier in capitals for each text; `nameless` and its place for one without
    letters and digits.
    """
    found: list[str] = []
    for k, text in enumerate(texts):
        words = re.sub("[^A-Z0-9]+", "_", anyascii(text.translate(OHM)).upper()).strip("_")
        name = first = words[:PLACE_WIDTH].strip("_") or f"{nameless}{k}"
        again = 1
        while name in found:
            again += 1
            name = f"{first}_{again}"
        found.append(name)
    return found


def markdown(text: object) -> str:
    """One line that Markdown shows as it stands: what has a meaning there is escaped."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", plain(" ".join(str(text).split())))


def page(text: str) -> str:
    """Text for a terminal, and for HTML and XML before their own escapes: control and bidirectional
    characters are shown by their codes, lines stay.
    """
    return "\n".join(plain(line) for line in text.split("\n"))
