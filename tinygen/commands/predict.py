"""`tinygen predict`: the integer twin's answers to the rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.errors import plain
from ..common.files import require_file_place, write_csv
from ..common.tables import counted
from ._options import FILE, Files, csvs_argument, date_order_option, model_argument
from ._show import progress_on_terminal, shows
from ._spec import FromSpec

if TYPE_CHECKING:
    import numpy as np

    from ..model.confidence.error_bars import ErrorBars
    from ..model.fixedpoint import Quantity
    from ..model.signals.any_model import AnyModel


SURE_OF_NONE = "not sure"  # what a classifier answers where no class leads by enough


@dataclass(frozen=True)
class Predictions:
    """The twin's answers to the rows of a file."""

    model: AnyModel
    raw: np.ndarray  # int64 (n,); MISSING where there is no answer
    lost: np.ndarray  # bool (n,): a value was missing
    clamped: np.ndarray  # bool (n,): an input was saturated
    notes: tuple[str, ...]
    path: Path | None
    more: np.ndarray  # int64 (n, numbers behind the prediction); MISSING as in `raw`

    def _more_plain(self) -> list[list[int | None]]:
        """The raw numbers behind the prediction, a list for each."""
        from ..model.fixedpoint import MISSING

        return [[None if v == MISSING else int(v) for v in column] for column in self.more.T]

    def _plain_bars(self) -> dict[str, Any]:
        """The half-width, and where it leaves an alarm open; nothing without bars."""
        from ..model.fixedpoint import MISSING

        model, bars = self.model, self.model.bars
        if bars is None:
            return {}
        there = self.raw != MISSING
        open_ones = zip(model.band.straddled_by(self.raw, bars.half_width).tolist(), there.tolist())
        return {
            "half_width": {
                "raw": bars.half_width,
                "physical": float(model.output.difference(bars.half_width)),
                "level": bars.level,
            },
            **({"unsure": [v if t else None for v, t in open_ones]} if model.band else {}),
        }

    def text(self) -> str:
        """How many rows were answered, and with what."""
        from ..model.fixedpoint import MISSING

        good = self.raw[self.raw != MISSING]
        waiting = len(self.raw) - good.size - int(self.lost.sum())
        spread = f", {self._spread(good)}" if good.size else ""
        lines = [f"note: {note}" for note in self.notes]
        lines.append(
            f"{counted(len(self.raw), 'row')}: {good.size:,} predicted{spread}; "
            f"{int(self.lost.sum()):,} with a missing value, "
            f"{int(self.clamped.sum()):,} beyond the accepted range"
            + f", {waiting:,} before a window had ended"
            * bool(waiting)
        )
        if bars := self.model.bars:
            lines.append(self._bars_line(bars, good))
        if self.path:
            lines.append(f"written to {self.path}")
        return "\n".join(lines)

    def _bars_line(self, bars: ErrorBars, good: np.ndarray) -> str:
        """The half-width, and how many alarms it leaves open."""
        model = self.model
        unsure = counted(int(model.band.straddled_by(good, bars.half_width).sum()), "row")
        return (
            f"bars of +- {_half_width(model, bars)} {model.output.unit}".rstrip()
            + f" for {bars.level}% of the references"
            + (f"; in {unsure} they leave the alarm open" if model.band else "")
        )

    def _spread(self, good: np.ndarray) -> str:
        """What the answers are, of several outputs each."""
        from ..model.fixedpoint import MISSING

        if not self.model.more:
            return _spread(self.model, good)
        columns = [good, *(column[column != MISSING] for column in self.more.T)]
        singles: tuple[AnyModel, ...] = self.model.singles
        each = zip(singles, columns)
        return ", ".join(f"{one.output.name} {_spread(one, column)}" for one, column in each)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        from ..model.fixedpoint import MISSING

        answers = [None if raw == MISSING else int(raw) for raw in self.raw]
        output, labels = self.model.output, self.model.labels
        if labels:
            known: dict[int | None, str] = dict(enumerate(labels))
            said: dict[str, Any] = {"label": [known.get(r) for r in answers]}
        else:
            physical = [None if r is None else float(output.to_physical(r)) for r in answers]
            said = {"physical": physical, "unit": output.unit}
        if self.model.more:
            said["outputs"] = {
                q.name: {
                    "raw": column,
                    "physical": [None if r is None else float(q.to_physical(r)) for r in column],
                    "unit": q.unit,
                }
                for q, column in zip(self.model.outputs[1:], self._more_plain())
            }
        elif self.more.size:
            said["more"] = dict(zip(self.model.value_names[1:], self._more_plain()))
        return {
            "rows": len(answers),
            "missing": int(self.lost.sum()),
            "clamped": int(self.clamped.sum()),
            "raw": answers,
            **said,
            **self._plain_bars(),
            "notes": list(self.notes),
        }


def _spread(model: AnyModel, raw: np.ndarray) -> str:
    """What the answers are: how many of each class, or the smallest and the largest."""
    import numpy as np

    from ..model.fixedpoint import NOT_SURE
    from ..report.words import value

    if model.labels:
        counts = np.bincount(raw - NOT_SURE, minlength=1 + len(model.labels))
        names = [SURE_OF_NONE, *map(plain, model.labels)]
        return ", ".join(f"{n:,} {label}" for label, n in zip(names, counts) if n)
    return " .. ".join(
        value(float(model.output.to_physical(v)), model) for v in (raw.min(), raw.max())
    )


def predict(model: Path, csv: Files, out: Path | None, date_order: str = "") -> Predictions:
    """The integer twin's answers to the rows of a CSV file, or of several of one kind; their dates
    in an order of DATE_ORDERS where they do not show one.
    """
    from .. import data
    from ..data.recordings import samples_for
    from ..data.reference import missing_codes
    from ..model.signals import SignalModel
    from ..model.signals.any_model import load_any

    twin = load_any(model)
    if out:
        require_file_place(out)
    if isinstance(twin, SignalModel):
        samples = samples_for(twin.channels, csv, missing_codes(twin))
        own = samples.own  # the lines of the answers are those of the files
        values, raw = twin.answers(samples.raw)[own], samples.raw[own]
        return _answered(twin, raw, values, samples.notes, out, samples.file_names, None)
    table = data.as_trained(data.load_tables(csv, missing_codes(twin)), twin.inputs, date_order)
    raw, notes = data.rows_for(twin.inputs, table)
    if out:  # which has the rows' time in it
        notes = (*table.time_notes, *notes)
    values = twin.answers(raw)
    return _answered(twin, raw, values, notes, out, table.file_names, table.moments)


def _answered(
    twin: AnyModel,
    raw: np.ndarray,
    values: np.ndarray,
    notes: tuple[str, ...],
    out: Path | None,
    files: np.ndarray | None,
    time: np.ndarray | None,
) -> Predictions:
    """The twin's answers to raw rows, int64 (n, numbers), written to `out` if that is given."""
    from ..model.fixedpoint import MISSING

    lost = (raw == MISSING).any(axis=1)
    clamped = twin.saturate(raw)[1] & ~lost
    found = Predictions(twin, values[:, 0], lost, clamped, notes, out, values[:, 1:])
    if out:
        write_csv(out, *_columns(found, files, time))
    return found


def _columns(
    found: Predictions, files: np.ndarray | None, time: np.ndarray | None
) -> tuple[list[str], Iterator[list]]:
    """Headers and lines of the file: the rows' file where there are several, their time where there
    is a column of it, the answer, its flag, and the alarm where the model has one.
    """
    import numpy as np

    from ..model.fixedpoint import MISSING

    model, answers = found.model, found.raw.tolist()
    unit = f" [{model.output.unit}]" if model.output.unit else ""
    columns: dict[str, Iterable] = {} if files is None else {"file": files}
    if time is not None:
        columns["time"] = np.where(np.isnat(time), "", time.astype(str))
    columns["raw"] = ("" if r == MISSING else r for r in answers)
    columns[model.output.name + unit] = (meaning(model, r) for r in answers)
    columns["flag"] = (
        _flag(r, lost, clamped, model)
        for r, lost, clamped in zip(answers, found.lost, found.clamped)
    )
    if model.band:
        alarms = model.alarm(found.raw).tolist()
        columns["alarm"] = ("" if r == MISSING else int(alarm) for r, alarm in zip(answers, alarms))
    if model.bars:
        half = _half_width(model, model.bars)
        columns["half-width" + unit] = ("" if r == MISSING else half for r in answers)
    if model.bars and model.band:
        open_ones = model.band.straddled_by(found.raw, model.bars.half_width).tolist()
        columns["unsure"] = ("" if r == MISSING else int(v) for r, v in zip(answers, open_ones))
    for q, column in zip(model.outputs[1:], found.more.T.tolist()):
        unit = f" [{q.unit}]" if q.unit else ""
        columns[q.name + unit] = list(map(partial(_in_unit, q), column))
    for name, column in zip(model.value_names[len(model.outputs) :], found.more.T.tolist()):
        columns[name] = ("" if v == MISSING else v for v in column)
    return list(columns), map(list, zip(*columns.values()))


def _half_width(model: AnyModel, bars: ErrorBars) -> str:
    """The half-width of the bars in the unit of the model's output."""
    width = replace(model.output, offset=0.0)
    return width.words(float(width.to_physical(bars.half_width)))


def _flag(raw: int, lost: bool, clamped: bool, model: AnyModel) -> str:
    """What is special about an answer, in the words of `stream`."""
    from ..model.fixedpoint import MISSING, NOT_SURE

    if lost:
        return "MISSING"
    # no window has ended yet, or no class is far enough ahead
    unsure = raw == MISSING or (raw == NOT_SURE and model.sure_margin is not None)
    words = [word for word, told in (("CLAMPED", clamped), ("NOT_SURE", unsure)) if told]
    return "+".join(words) or "OK"


def _in_unit(q: Quantity, raw: int) -> str:
    """A raw number in its quantity's unit; "" for none."""
    from ..model.fixedpoint import MISSING

    return "" if raw == MISSING else q.words(float(q.to_physical(raw)))


def meaning(model: AnyModel, raw: int) -> str:
    """What a raw answer means: a number in the output's unit, or a class label; "" for none."""
    from ..model.fixedpoint import MISSING, NOT_SURE

    if raw == MISSING:
        return ""
    if raw == NOT_SURE and model.sure_margin is not None:
        return SURE_OF_NONE
    if 0 <= raw < len(model.labels):  # a board that is wrong may name a class that does not exist
        return model.labels[raw]
    return model.output.words(float(model.output.to_physical(raw)))


@click.command("predict", cls=FromSpec)
@model_argument
@csvs_argument
@click.option("-o", "--out", type=FILE, metavar="OUT.csv", help="Write one line per row here.")
@date_order_option
@shows
def command(model, csvs, out, date_order):
    """Answer the rows of CSV on this computer, as the board will.

    The integer twin gives the raw answer of the C code, bit for bit, and what it means in the
    output's unit; with an alarm level, whether it is an alarm (1 or 0). The rows' time is kept. A
    model with error bars has their half-width beside it, and whether that leaves the alarm open.
    CSV may be several files of one kind.

    \b
    Example:
      tinygen predict benzene.json AirQualityUCI.csv -o answers.csv
    """
    with progress_on_terminal(f"predicting the rows of {csvs[0]}"):
        return predict(model, csvs, out, date_order or "")
