"""The same fitted models through `tinygen.convert` and through other generators, on the same chip.

    pip install m2cgen emlearn micromlgen
    TINYGEN_DATA=FOLDER python benchmarks/converted.py [--sets digits] [--kinds tree] [--json FILE]
    [--text FILE]

A decision tree, a random forest, a small net and a linear model of scikit-learn are fitted to whole
numbers, as sensors give them, with a seed. Each generator gets the very same fitted estimator, in
every way that it offers; one that takes no scaler gets the estimator with the scaler folded in.
What does not compile, does not fit or lacks the kind of model is named with its message.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from converted_models import KINDS, SETS, Fitted, fitted_models, written_forms
from converted_ways import WAYS, Way
from goals import MOST_LOSS, UNO
from peer_code import Answered, absent, elsewhere, run_code, version
from result_files import write_results

import tinygen
from tinygen.common.arithmetic import pin
from tinygen.common.errors import TinygenError
from tinygen.common.tables import six_digits, table
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.target.bare import BareChip, measure_cost

MOST_DIFFERING = 0.5  # per cent of the rows of a classifier that may get another class
FLASH, CYCLES = 1 / 2, 1 / 3  # of the best peer's: this project's goal


@dataclass(frozen=True)
class Measured:
    """One generator's code of one fitted model."""

    set: str
    kind: str
    package: str
    version: str
    way: str
    message: str  # why there are no figures; "" where there are
    flash_bytes: int = 0
    ram_bytes: int = 0  # static
    stack_bytes: int = 0
    cycles_median: int = 0
    cycles_max: int = 0  # ours: the bound; others': the most that was seen
    cycles_seen: int | None = None  # the most that was seen, where there is a bound
    error: float = 0.0  # of the chip's answers on the test rows
    float_error: float = 0.0  # of the estimator's own
    differing: int = 0  # rows: another class, or farther than a step of the target
    rows: int = 0

    @property
    def right(self) -> bool:
        """Answers as the estimator does: of classes all but 0.5 % of the rows, of numbers with an
        error that is at most 0.5 % larger.
        """
        if self.message:
            return False
        if SETS[self.set].classes:
            return 100 * self.differing <= MOST_DIFFERING * self.rows
        return self.error <= self.float_error * (1 + MOST_LOSS / 100)

    @property
    def ours(self) -> bool:
        return self.package == "tinygen"


# ---- run ----


def run(sets: list[str], kinds: list[str], missing: list[str], say=print) -> list[Measured]:
    """Every way of every generator, for each set and kind of model."""
    found = []
    for name in sets:
        for fitted in fitted_models(SETS[name], kinds):
            say(f"{name}, {fitted.kind}")
            found += _ours(fitted)
            found += [_peer(fitted, way) for way in WAYS if _offered(way, fitted, missing)]
    return found


def _offered(way: Way, fitted: Fitted, missing: list[str]) -> bool:
    return way.package not in missing and fitted.kind in way.kinds and way.suits(fitted)


def _peer(fitted: Fitted, way: Way) -> Measured:
    blank = Measured(
        fitted.task.name, fitted.kind, way.package, version(way.package), way.title, ""
    )
    try:
        with elsewhere():
            code = way.write(fitted)
    except Exception as error:  # whatever the generator raises is its answer
        first = str(error).splitlines()[0]
        return replace(blank, message=f"{type(error).__name__}: {first}"[:160])
    dataset = fitted.task.dataset
    try:
        told = run_code(code, dataset.inputs, dataset.target, fitted.rows)
    except TinygenError as error:
        return replace(blank, message=str(error).replace("model 'peer' alone ", ""))
    return _filled(blank, fitted, told)


def _ours(fitted: Fitted) -> list[Measured]:
    """As `tinygen convert` writes it, then in the forms that it did not take."""
    rows = fitted.training_rows
    model = tinygen.convert(
        fitted.original, rows, fitted.training_targets, input_scales=[1.0] * rows.shape[1]
    )
    asked = fitted.rows[:, [int(q.name[1:]) for q in model.inputs]]
    found = []
    for way, form, _ in written_forms(model):
        blank = Measured(fitted.task.name, fitted.kind, "tinygen", tinygen.__version__, way, "")
        found.append(_filled(blank, fitted, _told(form, asked), model.output))
    return found


def _told(model: Model, raw: np.ndarray) -> Answered:
    """Of raw rows, clamped as the firmware does."""
    rows = model.saturate(raw)[0]
    cost = measure_cost(model, UNO, rows[:256])
    with BareChip(model, UNO, timed=False) as chip:
        answers = chip.predict(rows)
    if (answers != model.answer(rows)).any():
        raise SystemExit("the chip does not answer what the twin answers")
    return Answered(answers, cost)


def _filled(
    blank: Measured, fitted: Fitted, told: Answered, output: Quantity | None = None
) -> Measured:
    """The measured figures. output: what the chip's numbers are in the estimator's own."""
    answers, test = told.answers, fitted.test
    if output and not fitted.task.classes:
        answers = output.to_physical(answers)
    gap, y = np.abs(answers - fitted.answers), fitted.targets
    if fitted.task.classes:
        error, own = (float((a != y)[test].mean()) for a in (answers, fitted.answers))
    else:
        scale = fitted.task.dataset.target.scale
        error, own = (float(np.abs(a - y)[test].mean() * scale) for a in (answers, fitted.answers))
    return replace(
        blank,
        error=six_digits(error),
        float_error=six_digits(own),
        differing=int((gap > (0.5 if fitted.task.classes else 1.0)).sum()),
        rows=len(gap),
        **asdict(told.cost),
    )


# ---- what it says ----


def verdicts(found: list[Measured]) -> list[dict]:
    """Of each set and kind: ours beside the smallest and the quickest peer that answers right."""
    told = []
    for key in dict.fromkeys((m.set, m.kind) for m in found):
        group = [m for m in found if (m.set, m.kind) == key]
        ours = next(m for m in group if m.ours)
        peers = [m for m in group if m.right and not m.ours]
        line: dict = {"set": key[0], "kind": key[1], "right": ours.right, "holds": None}
        if peers:
            small = min(peers, key=lambda m: m.flash_bytes)
            quick = min(peers, key=lambda m: m.cycles_max)
            flash, cycles = (
                ours.flash_bytes / small.flash_bytes,
                ours.cycles_max / quick.cycles_max,
            )
            line |= {
                "smallest": f"{small.package}, {small.way}",
                "flash": round(flash, 3),
                "quickest": f"{quick.package}, {quick.way}",
                "cycles": round(cycles, 3),
                "holds": ours.right and flash <= FLASH and cycles <= CYCLES,
            }
        told.append(line)
    return told


def as_text(found: list[Measured], missing: list[str]) -> str:
    headers = ["set", "model", "code of", "error", "differ", "flash B", "RAM B", "stack B"]
    headers += ["cycles", "worst", ""]
    body = [
        [
            m.set,
            m.kind,
            f"{m.package} {m.version}, {m.way}",
            _error(m),
            m.differing,
            m.flash_bytes,
            m.ram_bytes,
            m.stack_bytes,
            m.cycles_median,
            m.cycles_max,
            "" if m.right else "answers otherwise",
        ]
        for m in found
        if not m.message
    ]
    failed = list(
        dict.fromkeys(
            f"{m.set} {m.kind}: {m.package}, {m.way}: {m.message}" for m in found if m.message
        )
    )
    return "\n".join(
        [
            table(headers, body),
            "",
            *NOTES,
            "",
            "No figures:",
            *failed,
            *(f"not measured: {name} is not installed" for name in missing),
            "",
            _verdict_table(found),
            "",
        ]
    )


NOTES = (
    "error: mean absolute in the target's unit, or part of the rows, on test rows, as the chip",
    "answers them. differ: rows that get another class than the estimator's, or a number farther",
    "than one step of the target from it. cycles: median and worst of 256 rows. Code is compared",
    "where it answers right: another class in at most 0.5 % of the rows, or an error that is at",
    "most 0.5 % larger than the estimator's. by hand: what the generator's documentation does not",
    "say has to stand around its code.",
)


def _error(m: Measured) -> str:
    return f"{100 * m.error:.2f} %" if SETS[m.set].classes else f"{m.error:.4g}"


def _verdict_table(found: list[Measured]) -> str:
    body = []
    for line in verdicts(found):
        if line["holds"] is None:
            body.append([line["set"], line["kind"], "-", "", "-", "", "no peer answers right"])
            continue
        body.append(
            [
                line["set"],
                line["kind"],
                f"{line['flash']:.2f}",
                line["smallest"],
                f"{line['cycles']:.2f}",
                line["quickest"],
                "yes" if line["holds"] else "no",
            ]
        )
    headers = ["set", "model", "flash", "of the smallest", "cycles", "of the quickest", "holds"]
    goal = "holds: at most half the flash and a third of the cycles, worst, by what convert writes"
    return f"{table(headers, body)}\n\n{goal}"


def as_json(found: list[Measured]) -> str:
    plain = {
        "measured": [{**asdict(m), "right": m.right} for m in found],
        "verdicts": verdicts(found),
    }
    return json.dumps(plain, indent=1) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fitted models through several generators.")
    parser.add_argument("--sets", default=",".join(SETS), help="which, by commas")
    parser.add_argument("--kinds", default=",".join(KINDS), help="which, by commas")
    parser.add_argument("--json", type=Path, help="write the results as JSON")
    parser.add_argument("--text", type=Path, help="write the tables as text")
    asked = parser.parse_args(arguments)
    missing = absent({way.package for way in WAYS})
    found = run(
        asked.sets.split(","),
        asked.kinds.split(","),
        missing,
        lambda text: print(text, file=sys.stderr),
    )
    write_results(as_text(found, missing), as_json(found), asked.text, asked.json)
    return 0


if __name__ == "__main__":
    pin()
    sys.exit(main())
