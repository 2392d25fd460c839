"""Every model of the tests on every machine: are its answers the integer model's, bit for bit?

    python benchmarks/answers.py [--only NAME,..] [--rows N] [--json FILE] [--text FILE]
        [--page FILE]

The models are each family for each of its tasks, and a chain for each kind of operation and width.
A machine gets 10,000 rows of a model, fewer where its simulator is slow: `proof_rows`, with corners
and both sides of every limit. The control: the same answers beside a model with one number changed
by one, which has to differ. --json keeps the lines that it has of other machines, and writes after
each machine; with it, --only "" makes the table anew. --page puts the table between its two marks.
Ten minutes to an hour for each machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from result_files import between_marks

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
    models: int
    rows: int  # of each model
    right: int  # every row of so many models
    wrong: tuple[str, ...]  # models with a wrong row
    too_large: tuple[str, ...]  # for the chip
    not_asked: tuple[str, ...]  # their program has what the simulator is known to run wrongly
    seen: int  # models whose changed number was seen in the answers

    @property
    def asked(self) -> int:
        return self.models - len(self.too_large) - len(self.not_asked)

    @property
    def good(self) -> bool:
        return self.right == self.seen == self.asked > 0

    def cells(self) -> list[str]:
        """Of a line of the table."""
        counts = (len(self.too_large), len(self.not_asked))
        control = f"{self.seen} of {self.asked} seen"
        right = f"{self.right} of {self.asked}"
        words = [self.chip, self.compiler, self.simulator, f"{self.rows:,}", right]
        return [*words, *(str(count or "") for count in counts), control]


def every_model() -> dict[str, Model]:
    """Name -> model."""
    families = {f"{family}, {task}": street_model(family, task) for family, task in TASKS}
    return {**families, **random_models()}


def asked(machine: Machine, every: dict[str, Model], count: int, say) -> Line:
    """Each model's rows answered by one machine and compared."""
    wrong, too_large, not_asked, right, seen = [], [], [], 0, 0
    for place, (name, model) in enumerate(every.items(), start=1):
        rows = proof_rows(model, count, seed=SEED)
        try:
            answers = machine.answers(model, rows)
        except DoesNotFit:
            too_large.append(name)
            continue
        except SimulatorFault:
            not_asked.append(name)
            continue
        changed = with_one_coefficient_changed(model, rows)
        seen += differs(changed, rows, answers)
        if differs(model, rows, answers):
            wrong.append(name)
        right = place - len(too_large) - len(not_asked) - len(wrong)
        say(f"{machine.name}: {place} of {len(every)}, {name}, {len(wrong)} wrong")
    words = (machine.chip, machine.compiler_name, machine.simulator_name)
    lists = tuple(map(tuple, (wrong, too_large, not_asked)))
    return Line(machine.name, *words, len(every), count, right, *lists, seen)


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


def stored(path: Path | None) -> dict[str, Line]:
    """The lines of an earlier run of machines that are still known."""
    if path is None or not path.exists():
        return {}
    found = map(line_of, json.loads(path.read_text(encoding="ascii")))
    return {line.machine: line for line in found if line.machine in MACHINES}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(MACHINES), help="names of machines")
    parser.add_argument("--rows", type=int, default=10_000, help="of each model, at most")
    for option in ("--json", "--text", "--page"):
        parser.add_argument(option, type=Path)
    options = parser.parse_args(arguments)
    every, lines = every_model(), stored(options.json)
    for name in filter(None, options.only.split(",")):
        machine = MACHINES[name]
        if missing := machine.missing():
            print(f"{name} left out: {missing}", file=sys.stderr)
            continue
        count, say = min(options.rows, machine.rows), lambda text: print(text, file=sys.stderr)
        lines[name] = asked(machine, every, count, say)
        if options.json:
            lines = {**stored(options.json), name: lines[name]}  # two may run beside each other
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
