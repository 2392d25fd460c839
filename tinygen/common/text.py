"""Text from a file, a model or a user on its way into something that is generated.

A column name, a unit, a label or a note may hold anything. Each kind of output has one function
here, and everything that is generated takes its text through it: `comment` for C, sketches and
other program text, `markdown`, `page` for HTML and XML. JSON goes through the json module.
"""

from __future__ import annotations

import re
import string

from anyascii import anyascii

from .errors import plain

COMMENT_WIDTH = 80
OHM = str.maketrans({"\u03a9": "Ohm", "\u2126": "Ohm"})
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


def markdown(text: object) -> str:
    """One line that Markdown shows as it stands: what has a meaning there is escaped."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", plain(" ".join(str(text).split())))


def page(text: str) -> str:
    """Text for HTML and XML, before their own escapes: control and bidirectional characters are
    shown by their codes, lines stay.
    """
    return "\n".join(plain(line) for line in text.split("\n"))
