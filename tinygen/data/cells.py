"""Single cells: what a text says as a number, what is missing, and one column while it is read."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from ..common.errors import show

MAXIMUM_LABELS = 100  # different texts of a column that may be class labels
MISSING_WORDS = frozenset(("", "nan", "na", "n/a", "#n/a", "null", "none", "-", "?"))
LABEL_WORDS = frozenset(
    ("null", "none", "-")
)  # of them, those that name a class among class labels
# spaces and quotes that separate groups, and the minus sign of a typesetter
_AS_TYPED = str.maketrans("\u00a0\u202f\u2019\u2212", "  '-")
INFINITY = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class TextCells:
    """The cells of one column that are neither number nor missing."""

    count: int
    row: int  # file row of the first one; the header is row 1
    text: str  # the first one, as written
    file: str = ""  # its file, where a table has several


_WITH_UNIT = re.compile(
    r"(?!0[xX])[+-]?[\d.,' ]*\d\s*"
    r"(?P<unit>[^\W\d_\u00b2\u00b3]?[\u00b0%]?[^\W\d_]{0,8}"
    r"([/*^\u00b7][^\W\d_]{1,4})?[23\u00b2\u00b3]?)"
)


def unit_of(text: str) -> str:
    """ "g" of "145.0 g"; "" where the text is no number with a unit behind it."""
    match = _WITH_UNIT.fullmatch(text.translate(_AS_TYPED).strip())
    return match["unit"] if match and not match["unit"].isdigit() else ""


_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]{1,16}")


def hexadecimal(text: str) -> int | None:
    """What a text such as 0x1F, of 64 bits at most, stands for; None for another text."""
    text = text.strip()
    return int(text, 16) if _HEXADECIMAL.fullmatch(text) else None


@dataclass(frozen=True)
class TextLabels:
    """A column's texts as class labels."""

    texts: tuple[str, ...]  # each one once, without space around it, in order of appearance
    codes: np.ndarray  # int64 (n,): place in `texts`; -1 where the cell holds no text


def missing_codes(missing: Iterable[float | str]) -> tuple[float | str, ...]:
    """The codes as numbers where they are numbers, else as words; without what is missing
    anyway.
    """
    texts = [str(code).strip() for code in missing]
    return tuple(
        number[0] if (number := number_of(text, ".")) else text
        for text in texts
        if text.casefold() not in MISSING_WORDS - LABEL_WORDS
    )


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WITH_MARK = re.compile(r"\s*[+\-\u2212]?\d*([.,])\d+([eE][+-]?\d{1,3})?\s*", re.ASCII)
_THOUSANDS = re.compile(r"\s*[+\-\u2212]?[1-9]\d{0,2},\d{3}\s*", re.ASCII)


def number_of(text: str, mark: str) -> tuple[float, int] | None:
    """Value and decimal places of a number written with decimal mark `mark`; None if it is not
    one.
    """
    if mark == ",":
        text = text.replace(".", "?").replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return None
    if "e" in text or "E" in text:
        places = max(0, -int(Decimal(text).normalize().as_tuple().exponent))
    else:
        places = len(text.partition(".")[2].rstrip("0"))
    return float(text), min(places, 300)  # 1e-300 is still a normal float


def decimal_mark(cells_by_column: Iterable[Sequence[str]], delimiter: str) -> str | None:
    """The mark by rule 3 in a block of cells; None if no number has one."""
    votes: Counter[str] = Counter()
    for cells in cells_by_column:
        marks = Counter(
            match[1]
            for cell in cells
            if (match := _WITH_MARK.fullmatch(cell))
            and not (delimiter == "," and _THOUSANDS.fullmatch(cell))
        )
        votes.update(mark for mark, _ in marks.most_common(1))
    if not votes:
        return None
    return "," if votes[","] + (delimiter != ",") > votes["."] and votes[","] else "."


@dataclass(frozen=True)
class Style:
    """How a column writes its numbers."""

    mark: str = "."  # decimal mark
    group: str = ""  # between groups of three digits; "" where there are none
    percent: bool = False  # every number is followed by %

    def number(self, text: str) -> tuple[float, int] | None:
        """Value and decimal places; None for what is no number in this style."""
        if self.percent:
            text = text.removesuffix("%").rstrip()
        if self.group and _GROUPED.fullmatch(text):
            text = text.replace(self.group, "")
        return number_of(text, self.mark)


_GROUPED = re.compile(
    r"[+-]?\d{1,3}(?P<group>[.,' ])\d{3}((?P=group)\d{3})*((?!(?P=group))(?P<mark>[.,])\d+)?"
)
_CLOCK = re.compile(r"([01]?\d|2[0-3])[.,][0-5]\d")


def _is_certain(grouped: re.Match[str]) -> bool:
    """Whether a text that matches `_GROUPED` has no second reading: not 7.563, which may be one."""
    group = grouped["group"]
    return group in "' " or bool(grouped["mark"]) or grouped.string.count(group) > 1


def single_number(text: str, delimiter: str, percent: bool = False) -> tuple[float, int] | None:
    """Value and decimal places of a cell whose column is not known yet; None for no number.

    Groups of three digits are read where the text has no other reading, % where `percent`.
    """
    text = text.translate(_AS_TYPED).strip()
    mark, group = "," if delimiter != "," and "," in text else ".", ""
    match = _GROUPED.fullmatch(text.removesuffix("%").rstrip() if percent else text)
    if match and _is_certain(match):
        group = match["group"]
        mark = match["mark"] or ("," if group == "." else ".")
    return Style(mark, group, percent).number(text)


def two_readings(text: str, percent: bool = False) -> tuple[str, float, float] | None:
    """The mark of a cell such as 7.563 or 7,563, its number with three decimals and the one in
    groups of three digits; None where there is one reading at most.
    """
    text = text.translate(_AS_TYPED).strip()
    text = text.removesuffix("%").rstrip() if percent else text
    match = _GROUPED.fullmatch(text)
    if not match or _is_certain(match) or text.lstrip("+-").startswith("0"):
        return None
    mark = match["group"]
    return mark, float(text.replace(mark, ".")), float(text.replace(mark, ""))


@dataclass(frozen=True)
class TwoReadings:
    """The cells of one column such as 7.563 or 7,563, which may be 7563, and how they were read;
    none where another text of the column (7.5, 7.563,4) has its mark and one reading.
    """

    texts: tuple[str, ...]  # different ones, the first MOST_TEXTS
    decimal: bool  # read as a number with three decimals, else as one in groups of three digits
    settled: bool  # by the other cells of the column, or the decimal mark of another one


MOST_TEXTS = 1000
CERTAIN_TEXTS = 20  # different texts of the form 7.563 that tell groups from three decimals


class _Evidence:
    """What the texts of one column say of its style, beyond the decimal mark of the file."""

    def __init__(self) -> None:
        self.groups: Counter[str] = Counter()  # texts that can only be grouped, by their separator
        self.marks: Counter[str] = Counter()  # texts that can only have a decimal mark, by it
        self.single: Counter[str] = Counter()  # texts of the form 7.563 or 7,563
        self.texts: dict[str, None] = {}  # these, at most MOST_TEXTS
        self.read: TwoReadings | None = None  # how they were read at last
        self.doubt = ""  # why the column cannot be read for certain
        self.small = self.large = False  # whole numbers below 1000, from 1000 on
        self.clock = True  # all marks stand in what may be an hour and a minute
        self.percents = self.others = self.words = 0

    def add(self, text: str, mark: str | None) -> None:
        """One of the different texts of a column that is not missing; `mark`: the decimal mark of
        the file if with it the text is a number.
        """
        if text.isdecimal():
            self.others += 1
            self.small |= len(text) < 4
            self.large |= len(text) > 3
            return
        if mark and mark in text and text[-4:-3] != mark:
            self.others += 1
            self.marks[mark] += 1
            return
        self.percents += text.endswith("%")
        self.others += not text.endswith("%")
        text = text.removesuffix("%").rstrip()
        if match := _GROUPED.fullmatch(text):
            group, mark = match["group"], match["mark"]
            if _is_certain(match):
                self.groups[group] += 1
                self.marks.update(mark or "")
            else:
                self.single[group] += text.lstrip("+-")[0] != "0"
                self.marks[group] += text.lstrip("+-")[0] == "0"
                if len(self.texts) < MOST_TEXTS:
                    self.texts[text] = None
        elif match := _WITH_MARK.fullmatch(text):
            self.marks[match[1]] += 1
            self.clock &= bool(_CLOCK.fullmatch(text))
        elif text.lstrip("+-").isdecimal():
            self.small |= len(text.lstrip("+-")) < 4
            self.large |= len(text.lstrip("+-")) > 3
        elif not _NUMBER.fullmatch(text):
            self.words += 1

    def style(self, file: Style, certain: bool) -> Style:
        """The column's style, `file` where its texts say nothing else.

        certain: the file's decimal mark is seen in another column.
        """
        style = self._style(file, certain)
        marks = {mark for mark, count in self.single.items() if count} & {style.mark, style.group}
        mark = marks.pop() if marks else ""
        if mark and not self.groups and not self.marks[mark]:  # these tell a single cell as well
            texts = tuple(text for text in self.texts if mark in text)
            seen = certain or self.large or style.group
            self.read = TwoReadings(texts, style.mark == mark, bool(seen))
        return style

    def _style(self, file: Style, certain: bool) -> Style:
        group = self._group(file, certain)
        marks = {mark for mark, count in self.marks.items() if count}
        if self.words or (self.percents and self.others) or group in marks:
            return file
        if group in (".", ","):
            mark = "." if group == "," else ","
        elif len(marks) == 1 and (group or (self._many_marks and not self.clock)):
            mark = marks.pop()
        else:
            mark = file.mark
        return Style(mark, group, self.percents > 0)

    def _group(self, file: Style, certain: bool) -> str:
        """What separates groups of three digits; "" for nothing."""
        if self.groups or self.words:
            one = len(self.groups) == 1 and not self.large  # 1 000 beside 1500 is not one style
            return next(iter(self.groups)) if one else ""
        for mark in (m for m, count in self.single.items() if count and self._undecided(m)):
            many = self.small and self.single[mark] >= CERTAIN_TEXTS
            if many or (certain and mark != file.mark):
                return mark
            if self.small or mark != file.mark:
                text = next(iter(self.texts))
                self.doubt = (
                    f"{show(text)} may be {text.replace(mark, '')} or "
                    f"{text.replace(mark, '.')}: write the numbers without separators of "
                    "thousands, or all of them with as many decimals"
                )
        return ""

    @property
    def _many_marks(self) -> bool:
        return sum(self.marks.values()) >= CERTAIN_TEXTS

    def _undecided(self, mark: str) -> bool:
        """False where 0.563, 7.5 or 1500 in the same column shows that this is a decimal mark."""
        return not self.marks[mark] and not self.large


class Column:
    """One column while it is read."""

    def __init__(self, name: str, style: Style | None = None):
        self.name = name
        self.style = style  # None: that of the file
        self.evidence = _Evidence()
        self.values = array("d")
        self.decimals = 0
        self.text: TextCells | None = None
        self.labels = _Labels()
        self.spellings: dict[float, str] = {}  # numbers as written, while they are few
        self.codes: set[float | str] = set()  # missing codes that a cell was

    def add(
        self,
        cells: Sequence[str],
        file_rows: Sequence[int],
        style: Style,
        missing: tuple[float | str, ...],
    ) -> None:
        """Append a block of cells; each distinct text is looked at once."""
        style = self.style or style
        known = {
            cell: self._value(cell.translate(_AS_TYPED).strip(), style, missing)
            for cell in dict.fromkeys(cells)  # in their order: the first one is named
        }
        texts = [i for i, cell in enumerate(cells) if known[cell] is None]
        if texts:
            first = self.text or TextCells(0, file_rows[texts[0]], cells[texts[0]])
            self.text = replace(first, count=first.count + len(texts))
        words = {word.casefold() for word in missing if isinstance(word, str)}
        self.labels.add(
            cells,
            {
                cell
                for cell, value in known.items()
                if value is None or cell.strip().casefold() in LABEL_WORDS - words
            },
        )
        values = {cell: np.nan if value is None else value for cell, value in known.items()}
        self.values.extend(values[cell] for cell in cells)

    @property
    def unit(self) -> str:
        """What every number is followed by: "%", or ""."""
        return "%" if self.style and self.style.percent else ""

    @property
    def holds_something(self) -> bool:
        return self.text is not None or not np.isnan(np.frombuffer(self.values)).all()

    def _value(self, text: str, style: Style, missing: tuple[float | str, ...]) -> float | None:
        """A number, NaN where missing, None for text."""
        if text.casefold() in MISSING_WORDS or text in missing:
            self.codes.add(text)
            return np.nan
        if INFINITY.fullmatch(text):
            return float(text)
        number = style.number(text)
        if self.style is None:
            self.evidence.add(text, style.mark if number else None)
        if number is None:
            return None
        value, decimals = number
        if value in missing:
            self.codes.add(value)
            return np.nan
        self.decimals = max(self.decimals, decimals)
        if len(self.spellings) <= MAXIMUM_LABELS:
            self.spellings.setdefault(value, text)
        return value

    @property
    def is_labelled(self) -> bool:
        """True where the texts may be class labels: few, and not only a word for "no value"."""
        several = len(self.labels.places) > 1 and not self.spellings
        return self.labels.few and (self.text is not None or several)


class _Labels:
    """The different texts of one column while it is read; it gives up where there are too many for
    classes.
    """

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.codes = array("b")

    @property
    def few(self) -> bool:
        return len(self.places) <= MAXIMUM_LABELS

    def add(self, cells: Sequence[str], texts: set[str]) -> None:
        """Append a block of cells, of which those in `texts` may be labels."""
        if not self.few:
            return
        for cell in dict.fromkeys(cells):
            if cell in texts:
                self.places.setdefault(cell.strip(), len(self.places))
        if self.few:
            self.codes.extend(self.places[cell.strip()] if cell in texts else -1 for cell in cells)
        else:
            self.codes = array("b")  # a byte a row is worth keeping for labels only

    def values(self) -> TextLabels:
        return TextLabels(
            tuple(self.places), np.frombuffer(self.codes, dtype=np.int8).astype(np.int64)
        )
