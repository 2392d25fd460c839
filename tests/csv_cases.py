"""Generated CSV files as people have them: types, encodings, sizes, repeats, outliers, kinds of
labels, forms of time. Each case knows what it holds, not what tinygen makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

TIMES = ("%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%S", "epoch", "hours")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1")
MISSING = ("", "NaN", "NA", "null")
WORDS = ("calm", "windy", "storm", "None", "+", "-", "Über", "7")


@dataclass(frozen=True)
class CsvCase:
    """One generated file."""

    content: bytes
    columns: tuple[str, ...]  # every name of the header, as written there
    target: str
    labels: bool  # the target is made of words
    split: str
    rows: int  # of the file

    @property
    def inputs(self) -> tuple[str, ...]:
        """All columns but the target."""
        return tuple(name for name in self.columns if name != self.target)


def csv_case(seed: int) -> CsvCase:
    """Case number `seed`."""
    rng = np.random.default_rng([seed, 2026])
    rows = int(rng.choice([3, 25, 60, 150, 400], p=[0.05, 0.15, 0.3, 0.3, 0.2]))
    repeats = rng.random() < 0.3  # draws rows again, with replacement
    place = rng.integers(0, rows, rows) if repeats else np.arange(rows)
    kinds = rng.choice(list(KINDS), size=int(rng.integers(1, 7)))
    cells = {f"{kind} {k}": KINDS[kind](rng, rows) for k, kind in enumerate(kinds)}
    labels = bool(rng.random() < 0.35)
    cells["wanted"] = (_classes if labels else _quantity)(rng, cells, rows)
    split, mark = "random", "." if rng.random() < 0.7 else ","
    if timed := rng.random() < 0.4:
        split = str(rng.choice(["random", "time"]))
        cells = {"when": _times(rng, rows), **cells}
    texts = {name: [_text(values[p], mark) for p in place] for name, values in cells.items()}
    for name, column in texts.items():
        spoil = 0.3 if rng.random() < 0.1 else 0.03
        if not (timed and name == "when") and not (labels and name == "wanted"):
            _spoil(rng, column, spoil)
    return CsvCase(_written(rng, texts, mark), tuple(texts), "wanted", labels, split, rows)


# ---- columns ----


def _counts(rng, rows):
    return rng.integers(0, int(rng.choice([2, 5, 40, 3000])), rows)


def _decimals(rng, rows):
    return np.round(rng.normal(20, 5, rows), int(rng.integers(1, 4)))


def _offset(rng, rows):
    """A load cell's counts, or a pressure: far from zero, in coarse steps."""
    return 8_400_000 + 1000 * rng.integers(-40, 40, rows)


def _tiny(rng, rows):
    return np.round(rng.uniform(0, 1e-4, rows), 7)


def _constant(rng, rows):
    return np.full(rows, 5)


def _outlier(rng, rows):
    values = rng.integers(100, 900, rows)
    values[rng.integers(rows)] = 4_294_967_295
    return values


def _booleans(rng, rows):
    return [("true", "false")[k] for k in rng.integers(0, 2, rows)]


def _words(rng, rows):
    return [WORDS[k] for k in rng.integers(0, 3, rows)]


def _counter(rng, rows):
    return np.arange(1, rows + 1)


def _nothing(rng, rows):
    return [""] * rows


def _negative(rng, rows):
    return rng.integers(-300, -100, rows)  # -200 among them, which is no code here


KINDS = {
    "counts": _counts,
    "decimals": _decimals,
    "offset": _offset,
    "tiny": _tiny,
    "constant": _constant,
    "outlier": _outlier,
    "bool": _booleans,
    "words": _words,
    "counter": _counter,
    "nothing": _nothing,
    "negative": _negative,
}


# ---- targets, times ----


def _numbers(values, rows):
    try:
        found = np.array(values, dtype=float)
    except ValueError:
        return np.array([len(str(v)) for v in values], dtype=float)
    return found if np.ptp(found) else np.zeros(rows)


def _mixture(rng, cells, rows):
    """A sum of all columns, each of about the same weight, and noise."""
    total = rng.normal(0, 0.2, rows)
    for values in cells.values():
        x = _numbers(values, rows)
        total += rng.normal() * np.clip((x - np.median(x)) / (x.std() or 1), -3, 3)
    return total


def _quantity(rng, cells, rows):
    scale = float(rng.choice([0.02, 1, 50]))
    places = int(rng.integers(2, 4) if scale < 1 else rng.integers(0, 3))
    return np.round(100 * scale + 10 * scale * _mixture(rng, cells, rows), places)


def _classes(rng, cells, rows):
    """Two to four classes by rank, in words; one of them may be a word that often means nothing."""
    words = rng.permutation(WORDS)[: int(rng.integers(2, 5))]
    place = np.argsort(np.argsort(_mixture(rng, cells, rows))) * len(words) // rows
    return [str(words[p]) for p in place]


def _times(rng, rows):
    form, begun = str(rng.choice(TIMES)), datetime(2025, 3, 1)
    moments = [begun + timedelta(minutes=10 * k) for k in range(rows)]
    if form == "epoch":
        return [int(moment.timestamp()) for moment in moments]
    if form == "hours":
        return [k // 6 % 24 for k in range(rows)]
    return [moment.strftime(form) for moment in moments]


# ---- text ----


def _text(value, mark: str) -> str:
    if isinstance(value, str):
        return value
    text = f"{float(value):.7f}".rstrip("0").rstrip(".")
    return text.replace(".", mark)


def _spoil(rng, column: list[str], share: float) -> None:
    """Takes values away, with one word for it."""
    word = str(rng.choice(MISSING))
    for k in np.flatnonzero(rng.random(len(column)) < share):
        column[k] = word


def _written(rng, texts: dict[str, list[str]], mark: str) -> bytes:
    delimiter = str(rng.choice([";", "\t"] if mark == "," else [",", ";", "\t"]))
    quote = '"' if rng.random() < 0.2 else ""
    lines = [list(texts), *zip(*texts.values())]
    end = str(rng.choice(["\n", "\r\n"]))
    text = end.join(delimiter.join(f"{quote}{cell}{quote}" for cell in line) for line in lines)
    return (text + end).encode(str(rng.choice(ENCODINGS)), errors="replace")
