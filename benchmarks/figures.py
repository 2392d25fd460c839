"""Guards the figures: what a fixed set of models costs and reaches, against what it did before.

    python benchmarks/figures.py                        compare; exit code 1 where a figure grew
    python benchmarks/figures.py --update               store figures that became smaller
    python benchmarks/figures.py --update --because WHY store larger ones too, with the reason

benchmarks/results/figures.json holds the figures of the last commit that changed them. `make
figures` runs this in continuous integration. The cost of models stored in tests/golden/house is
measured without training; a few short trainings on docs/classroom.csv give errors and CPU time.
Every figure is exact and may not grow by one, but CPU time: seconds differ between machines, so
they are divided by those of a fixed loop in the same run. That ratio is told beyond WARN times the
stored one, and fails beyond FAIL times.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tinygen.common.arithmetic import pin
from tinygen.common.boards import BOARDS
from tinygen.common.errors import TinygenError
from tinygen.common.tables import six_digits, table

ROOT = Path(__file__).parent.parent
STORED = ROOT / "benchmarks" / "results" / "figures.json"
MODELS = ROOT / "tests" / "golden" / "house"
ROWS = ROOT / "docs" / "classroom.csv"
CHIPS = ("uno", "megaatmega2560")
TRAININGS = ("ridge", "tree", "lookup")  # families, of 3 to 4 CPU seconds each
FIRMWARE = "ridge-regression"
WARN, FAIL = 1.5, 3.0  # times the stored ratio; two runs on one machine differ by a fifth
CPU = "cpu_ratio"
HEADS = {  # of the table, by figure
    "flash_bytes": "flash",
    "ram_bytes": "RAM",
    "stack_bytes": "stack",
    "cycles_median": "cycles",
    "cycles_max": "at most",
    "cycles_seen": "seen",
    "error": "error",
    CPU: "CPU ratio",
}
LOOPS = 7  # of the calibration, the median of which counts

Figures = dict[str, dict[str, float]]  # by what is measured, then by figure


@dataclass(frozen=True)
class Change:
    """A figure that is not as it was stored."""

    what: str
    figure: str
    before: float | None  # None: it was not measured
    now: float | None

    @property
    def verdict(self) -> str:
        """ "GREW", "slower", "smaller", "new" or "gone"; "" for CPU time within its limits."""
        if self.before is None:
            return "new"
        if self.now is None:
            return "gone"
        if self.figure != CPU:
            return "GREW" if self.now > self.before else "smaller"
        if self.now > FAIL * self.before:
            return "GREW"
        if self.now > WARN * self.before:
            return "slower"
        return "smaller" if self.now * FAIL < self.before else ""

    @property
    def fails(self) -> bool:
        """True where the stored file has to be told why."""
        return self.verdict in ("GREW", "gone")


def compare(before: Figures, now: Figures) -> list[Change]:
    """What is not as it was, in the order of the names."""
    pairs = sorted({(what, name) for side in (before, now) for what in side for name in side[what]})
    changes = [
        Change(what, name, before.get(what, {}).get(name), now.get(what, {}).get(name))
        for what, name in pairs
    ]
    return [one for one in changes if one.before != one.now and one.verdict]


def figures_table(now: Figures, changes: Iterable[Change]) -> str:
    """One row for each thing that is measured; a figure that changed with what it was."""
    told = {(one.what, one.figure): one for one in changes}
    names = [*HEADS, *sorted({name for row in now.values() for name in row} - HEADS.keys())]

    def shown(what: str, name: str) -> object:
        value, one = now.get(what, {}).get(name), told.get((what, name))
        if one is None or one.before is None:
            return "" if value is None else value
        return f"{'-' if value is None else f'{value:,}'} (was {one.before:,}: {one.verdict})"

    rows = [
        [what, *(shown(what, name) for name in names)]
        for what in [*now, *sorted({one.what for one in told.values()} - now.keys())]
    ]
    return table(["", *(HEADS.get(name, name) for name in names)], rows)


def changes_in_words(changes: Iterable[Change]) -> list[str]:
    """A line for each; new figures are counted."""
    known = [one for one in changes if one.verdict != "new"]
    new = sum(one.verdict == "new" for one in changes)
    lines = [f"{c.verdict}: {c.figure} of {c.what}, {c.before} before, {c.now} now" for c in known]
    return [*lines, *([f"{new} new figures"] if new else [])]


# ---- measuring ----


def model_figures(name: str, board: str) -> dict[str, float]:
    """Cost of a stored model alone on a chip."""
    from tinygen.model.signals.any_model import load_any
    from tinygen.target.bare import measure_cost

    return dict(measure_cost(load_any(MODELS / f"{name}.json"), BOARDS[board]).plain())


def firmware_figures(board: str) -> dict[str, float]:
    """Memory of the whole firmware around a stored model."""
    from tinygen.codegen.emit import emit_project
    from tinygen.model.model import load
    from tinygen.target.build import build_firmware

    with tempfile.TemporaryDirectory() as folder:
        project = emit_project(load(MODELS / f"{FIRMWARE}.json"), Path(folder), [BOARDS[board]])
        made = build_firmware(project, BOARDS[board])
        assert made.stack_bytes is not None, "simulated as a whole"
        sizes = made.flash_bytes, made.ram_bytes, made.stack_bytes
        return dict(zip(("flash_bytes", "ram_bytes", "stack_bytes"), sizes))


def training_figures(family: str, unit_s: float) -> dict[str, float]:
    """Error of a short training on its test rows, cost of its model, and its CPU time in units."""
    from tinygen.commands._options import Selection
    from tinygen.commands.train import TrainedModel, TrainRequest, train

    with tempfile.TemporaryDirectory() as folder:
        rows = Selection(ROWS, "co2")
        request = TrainRequest(rows, Path(folder) / "model.json", family)
        begun = cpu_seconds()
        trained = train(request)
        spent = cpu_seconds() - begun
    assert isinstance(trained, TrainedModel), "one target"
    cost = trained.ladder.rungs[trained.ladder.chosen].cost
    return {
        "error": six_digits(trained.model.training["metrics"]["mae"]),
        **cost.plain(),
        CPU: round(spent / unit_s, 2),
    }


def cpu_seconds() -> float:
    """Of this process, and of the programs that it ran."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, whose))


def calibration_seconds() -> float:
    """CPU time of a fixed piece of work of the same kind: Python, and numpy on small arrays."""
    import numpy as np

    def once() -> float:
        begun = cpu_seconds()
        x = np.random.default_rng(0).normal(size=(400, 12))
        for k in range(120):
            np.linalg.lstsq(x, x[:, k % 12], rcond=None)
            np.sort(x.ravel())
        total = 0
        for k in range(400_000):
            total += k & 7
        return cpu_seconds() - begun

    return statistics.median(once() for _ in range(LOOPS))


def model_names() -> list[str]:
    """The stored models, one of every family and task."""
    return sorted(path.stem for path in MODELS.glob("*-*.json"))


def measured(say: Callable[[str], None] = lambda text: None) -> Figures:
    """All figures."""
    found: Figures = {}
    for name in model_names():
        for board in CHIPS:
            say(f"{name} on {board}")
            found[f"{name} on {board}"] = model_figures(name, board)
    for board in CHIPS:
        say(f"firmware on {board}")
        found[f"firmware on {board}"] = firmware_figures(board)
    os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # CPU time of processes that live on is not to be seen
    training_figures(TRAININGS[0], 1.0)  # the first one imports what the others have
    unit_s = calibration_seconds()
    for family in TRAININGS:
        say(f"training {family}")
        found[f"training {family}"] = training_figures(family, unit_s)
    return found


def compiler() -> str:
    """What the figures depend on beside tinygen."""
    from tinygen.target.toolchain import ensure

    return f"avr-gcc {ensure(install=False).gcc_version}"


# ---- the file ----


def stored(path: Path = STORED) -> tuple[Figures, str, dict[str, str]]:
    """(figures, compiler, reasons for those that grew) of the file."""
    plain = json.loads(path.read_text(encoding="ascii"))
    return plain["figures"], plain["compiler"], plain["because"]


def store(figures: Figures, made_by: str, because: dict[str, str], path: Path = STORED) -> None:
    plain = {"compiler": made_by, "because": because, "figures": figures}
    path.write_text(json.dumps(plain, indent=1) + "\n", encoding="ascii")


def judged(
    now: Figures, made_by: str, update: bool, because: str, path: Path = STORED
) -> tuple[str, int]:
    """(what to print, exit code); the file is written where that is wanted and allowed."""
    before, before_by, reasons = stored(path) if path.is_file() else ({}, made_by, {})
    if before_by != made_by and not because:
        return f"the figures are those of {before_by}, this is {made_by}: they say nothing", 3
    changes = compare(before, now)
    failing = [one for one in changes if one.fails]
    lines = [figures_table(now, changes), ""]
    lines += changes_in_words(changes)
    if failing and not because:
        return "\n".join(
            [
                *lines,
                f"{len(failing)} figures grew: mend it, or store them with "
                "`python benchmarks/figures.py --update --because WHY`",
            ]
        ), 1
    if update:
        grown = {f"{one.figure} of {one.what}": because for one in failing}
        kept = {name: why for name, why in reasons.items() if name not in grown}
        store(
            _kept_times(before, now, changes),
            made_by,
            dict(sorted({**kept, **grown}.items())),
            path,
        )
        lines.append(f"stored in {path.name}")
    elif any(one.verdict != "slower" for one in changes):
        lines.append("store them with `python benchmarks/figures.py --update`")
    return "\n".join(
        [*lines, "no figure grew" if not failing else "grown figures are explained"]
    ), 0


def _kept_times(before: Figures, now: Figures, changes: list[Change]) -> Figures:
    """The figures with each CPU time as it was, unless it fell far or its growth is explained: many
    small steps would add up.
    """
    told = {one.what for one in changes if one.figure == CPU and one.verdict != "slower"}
    return {
        what: figures
        if what in told or CPU not in before.get(what, {}) or CPU not in figures
        else {**figures, CPU: before[what][CPU]}
        for what, figures in now.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="store the figures")
    parser.add_argument("--because", default="", metavar="WHY", help="why figures grew")
    given = parser.parse_args()
    if given.because and not given.update:
        parser.error("--because is for --update")
    try:
        now = measured(lambda text: print(f"  {text}", file=sys.stderr))
        text, code = judged(now, compiler(), given.update, given.because)
    except TinygenError as error:
        print(f"figures: {error}", file=sys.stderr)
        return error.exit_code
    print(text)
    return code


if __name__ == "__main__":
    pin()
    sys.exit(main())
