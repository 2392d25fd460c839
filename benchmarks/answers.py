"""Every model of the tests on every machine: are its answers the integer model's, bit for bit?

    python benchmarks/answers.py [--only NAME,..] [--more] [--rows N] [--json FILE]
        [--text FILE] [--page FILE]

The models are each family for each of its tasks, and a chain for each kind of operation and width.
A machine gets 10,000 rows of a model, fewer where its simulator is slow: `proof_rows`, with corners
and both sides of every limit. The control: the same answers beside a model with one number changed
by one, which has to differ. --json keeps the lines that it has of other machines, and is written
after each model; --more asks a machine only for what is still to come, and --only "" makes the
table anew. --page puts the table between its two marks. Minutes for each machine, an hour where
SDCC compiles.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from result_files import between_marks

from tinygen.codegen.emit import render_header
from tinygen.common.arithmetic import pin
from tinygen.common.errors import DoesNotFit
from tinygen.common.files import write_whole
from tinygen.model.model import Model
from tinygen.target.machines import MACHINES, Machine, proof_rows
from tinygen.target.machines.simulators import SimulatorFault

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from changed_models import with_one_coefficient_changed  # noqa: E402
from family_models import TASKS, street_model  # noqa: E402
from random_models import random_models  # noqa: E402

HEADS = (
    "chip",
    "compiler",
    "runs in",
    "rows of each",
    "right",
    "too large",
    "not asked",
    "to come",
    "control",
)
BEGIN, END = "<!-- benchmarks/answers.py -->\n", "<!-- end -->\n"
SEED = 4


@dataclass(frozen=True)
class Line:
    """One machine: how many models it was asked, and what came of it."""

    machine: str
    chip: str
    compiler: str
    simulator: str
    names: tuple[str, ...]  # of the models
    rows: int  # of each model
    right: int  # every row of so many models
    wrong: tuple[str, ...]  # models with a wrong row
    too_large: tuple[str, ...]  # for the chip
    not_asked: tuple[str, ...]  # their program has what the simulator is known to run wrongly
    seen: int  # models whose changed number was seen in the answers
    to_come: tuple[str, ...] = ()

    @property
    def asked(self) -> int:
        return len(self.names) - len(self.too_large) - len(self.not_asked) - len(self.to_come)

    @property
    def good(self) -> bool:
        """True where nothing that was asked is wrong, and every control was seen."""
        return self.right == self.seen == self.asked

    def cells(self) -> list[str]:
        """Of a line of the table."""
        counts = map(len, (self.too_large, self.not_asked, self.to_come))
        control = f"{self.seen} of {self.asked} seen"
        right = f"{self.right} of {self.asked}"
        words = [self.chip, self.compiler, self.simulator, f"{self.rows:,}", right]
        return [*words, *(str(count or "") for count in counts), control]


def every_model() -> dict[str, Model]:
    """Name -> model, those with short headers first: SDCC takes minutes for the others."""
    families = {f"{family}, {task}": street_model(family, task) for family, task in TASKS}
    models = {**families, **random_models()}
    return dict(sorted(models.items(), key=lambda pair: len(render_header(pair[1]))))


def begun(machine: Machine, names: Iterable[str], count: int) -> Line:
    """The line of a machine that was asked nothing yet."""
    words = (machine.chip, machine.compiler_name, machine.simulator_name)
    models = tuple(names)
    return Line(machine.name, *words, models, count, 0, (), (), (), 0, models)


def with_new(line: Line, names: Iterable[str]) -> Line:
    """The line with the models that have come since, still to be asked."""
    new = tuple(name for name in names if name not in line.names)
    return replace(line, names=(*line.names, *new), to_come=(*line.to_come, *new))


def asked(line: Line, machine: Machine, model: Model, name: str) -> Line:
    """The line with one model's rows answered and compared."""
    line = replace(line, to_come=tuple(other for other in line.to_come if other != name))
    rows = proof_rows(model, line.rows, seed=SEED)
    try:
        answers = machine.answers(model, rows)
    except DoesNotFit:
        return replace(line, too_large=(*line.too_large, name))
    except SimulatorFault:
        return replace(line, not_asked=(*line.not_asked, name))
    changed = with_one_coefficient_changed(model, rows)
    line = replace(line, seen=line.seen + differs(changed, rows, answers))
    if differs(model, rows, answers):
        return replace(line, wrong=(*line.wrong, name))
    return replace(line, right=line.right + 1)


def differs(model: Model, rows: np.ndarray, answers: np.ndarray) -> bool:
    """Whether any answer is not the twin's; of several values of a row, those that came."""
    twin = model.values(rows)[:, : answers.shape[1]]
    return bool(twin.shape != answers.shape or (twin != answers).any())


def as_table(lines: list[Line]) -> str:
    """Markdown."""
    body = [list(HEADS), ["---"] * len(HEADS), *(line.cells() for line in lines)]
    return "".join(f"| {' | '.join(line)} |\n" for line in body)


def line_of(plain: dict) -> Line:
    """A line of the stored JSON."""
    return Line(**{k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()})


def as_json(lines: list[Line]) -> str:
    """One machine a line."""
    return "[\n" + ",\n".join(json.dumps(asdict(line)) for line in lines) + "\n]\n"


def stored(path: Path | None, names: Iterable[str] = ()) -> dict[str, Line]:
    """The lines of an earlier run of machines that are still known; models of `names` that have
    come since are still to be asked.
    """
    if path is None or not path.exists():
        return {}
    found = map(line_of, json.loads(path.read_text(encoding="ascii")))
    return {line.machine: with_new(line, names) for line in found if line.machine in MACHINES}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(MACHINES), help="names of machines")
    parser.add_argument("--more", action="store_true", help="only what is still to come")
    parser.add_argument("--rows", type=int, default=10_000, help="of each model, at most")
    for option in ("--json", "--text", "--page"):
        parser.add_argument(option, type=Path)
    options = parser.parse_args(arguments)
    every = every_model()
    rows_of = lambda machine: min(options.rows, machine.rows)
    unasked = {name: begun(m, every, rows_of(m)) for name, m in MACHINES.items()}
    lines = {**unasked, **stored(options.json, every)}
    for name in filter(None, options.only.split(",")):
        machine = MACHINES[name]
        if missing := machine.missing():
            print(f"{name} left out: {missing}", file=sys.stderr)
            continue
        line = lines[name] if options.more else unasked[name]
        for model in line.to_come:
            line = lines[name] = asked(line, machine, every[model], model)
            print(
                f"{name}: {model}, {len(line.to_come)} to come, wrong {line.wrong}", file=sys.stderr
            )
            if options.json:
                others = stored(options.json, every)  # two may run at a time
                lines = {**lines, **others, name: line}
                write_whole(options.json, as_json(in_order(lines)))
    if options.json:
        write_whole(options.json, as_json(in_order(lines)))
    told = as_table(in_order(lines))
    print(told, end="")
    if options.text:
        write_whole(options.text, told)
    if options.page:
        page = options.page.read_text(encoding="utf-8")
        write_whole(options.page, between_marks(page, told, BEGIN, END))
    return int(not all(line.good for line in lines.values()))


def in_order(lines: dict[str, Line]) -> list[Line]:
    """As the machines are registered."""
    return [lines[name] for name in MACHINES if name in lines]


if __name__ == "__main__":
    pin()
    raise SystemExit(main())
