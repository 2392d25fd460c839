"""What three models cost on every machine: flash, RAM, cycles, and whether answers are right.

    python benchmarks/machines.py [--only NAME,..] [--json FILE] [--text FILE] [--page FILE]

The models are one of a family each, fitted to docs/classroom.csv. What matters here is the same
header on every chip, not which model is best. A machine whose tools are missing is left out and
said so. --page puts the table into the page between its two marks. Two minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from result_files import between_marks

from tinygen.common.arithmetic import pin
from tinygen.common.files import write_whole
from tinygen.data import load_table, prepare
from tinygen.families import FAMILIES
from tinygen.model.model import Model
from tinygen.search.cross_validation import Trained
from tinygen.search.quantization import quantize
from tinygen.target.machines import MACHINES, Machine, MachineCost, proof_rows

ROOT = Path(__file__).parent.parent
KINDS = {"linear": ("ridge", 0), "net": ("mlp", 0), "forest": ("forest", 0)}  # family, candidate
ROWS = 200  # answered and compared on each machine, fewer where it is slow
BEGIN, END = "<!-- benchmarks/machines.py -->\n", "<!-- end -->\n"


@dataclass(frozen=True)
class Row:
    """One machine: each model's cost, and what was compared."""

    machine: str
    chip: str
    compiler: str
    simulator: str
    rows: int  # of each model
    wrong: int
    costs: dict[str, MachineCost | None]

    def cells(self) -> list[str]:
        """Of a line of the table."""
        costs = [cost_in_words(cost) for cost in self.costs.values()]
        return [
            self.chip,
            self.compiler,
            self.simulator,
            *costs,
            f"{self.wrong} of {self.compared}",
        ]

    @property
    def compared(self) -> int:
        return self.rows * len(self.costs)


def cost_in_words(cost: MachineCost | None) -> str:
    """ "502 B, 23 B, 2,872": flash, RAM with stack, cycles."""
    if cost is None:
        return "as above"
    stack = "" if cost.stack_bytes is None else f", {cost.ram_bytes + cost.stack_bytes} B"
    cycles = "" if cost.cycles is None else f", {cost.cycles:,.0f}"
    return f"{cost.flash_bytes:,} B{stack}{cycles}"


def models() -> dict[str, Model]:
    """The smallest candidate of each family, fitted to every training row."""
    dataset = prepare(load_table(ROOT / "docs" / "classroom.csv"), "co2")
    found = {}
    for name, (kind, place) in KINDS.items():
        family, rows = FAMILIES[kind], dataset.training
        config = family.candidates(rows)[place]
        fitted = family.fit_all(rows, [config], 0)[0]
        found[name] = quantize(Trained(family, config, fitted), dataset, name, None)
    return found


def measured(machine: Machine, every: dict[str, Model]) -> Row:
    """Each model compiled, asked and measured on one machine."""
    count, wrong = min(ROWS, machine.rows // 20), 0
    for model in every.values():
        rows = proof_rows(model, count)
        answers = machine.answers(model, rows)
        wrong += int((answers != model.values(rows)[:, : answers.shape[1]]).any(axis=1).sum())
    costs = {name: machine.cost(model) for name, model in every.items()}
    words = (machine.chip, machine.compiler_name, machine.simulator_name)
    return Row(machine.name, *words, count, wrong, costs)


def as_table(rows: list[Row]) -> str:
    """Markdown."""
    heads = ["chip", "compiler", "runs in", *KINDS, "wrong answers"]
    lines = [heads, ["---"] * len(heads), *(row.cells() for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def row_of(plain: dict) -> Row:
    """A row of the stored JSON."""
    costs = {name: MachineCost(**cost) if cost else None for name, cost in plain["costs"].items()}
    return Row(**{**plain, "costs": costs})


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(MACHINES), help="names of machines")
    for option in ("--json", "--text", "--page"):
        parser.add_argument(option, type=Path)
    options = parser.parse_args(arguments)
    every, rows = models(), []
    for name in options.only.split(","):
        if missing := MACHINES[name].missing():
            print(f"{name} left out: {missing}")
            continue
        rows.append(measured(MACHINES[name], every))
    told = as_table(rows)
    print(told, end="")
    if options.json:
        plain = [asdict(row) for row in rows]
        write_whole(options.json, json.dumps(plain, indent=1) + "\n")
    if options.text:
        write_whole(options.text, told)
    if options.page:
        page = options.page.read_text(encoding="utf-8")
        write_whole(options.page, between_marks(page, told, BEGIN, END))
    return int(any(row.wrong for row in rows))


if __name__ == "__main__":
    pin()
    raise SystemExit(main())
