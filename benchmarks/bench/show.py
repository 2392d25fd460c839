"""A run for people: text with every figure, JSON of the verdicts, a picture, tables for a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from tinygen.common.files import write_whole
from tinygen.common.tables import table

from .measure import Point
from .parts import PARTS, ROOT, SAVED, read_saved
from .peers import not_offered
from .plot import picture
from .tasks import TASKS
from .verdicts import CHOSEN, LEVEL, Line, converted_lines, found_lines

PAGE = ROOT / "docs/comparison.md"
START, END = "<!-- bench: made by `make bench` -->\n", "<!-- end -->"
PICTURE = ROOT / "docs/bench.svg"
UNITS = {"A": "ug/m3", "B": "ug/m3", "C": "ug/m3", "E": "ppb"}  # of the air-quality targets
DRAWN = ("A random", "B random", "C random", "E random")  # tasks of the picture
NOTES = (
    "Error: mean absolute, or part of the rows named wrongly, of the chip's answers to every test "
    "row. differ: rows where",
    "the code names another class than the fitted model in float, or is more than a step of the "
    "target away from it. (That",
    "tinygen's code answers what its integer model answers, on every row, is a test of its own.) "
    "cycles: median, worst; of",
    "tinygen the worst is a bound of the linked code, of the others the most that was seen. each: "
    "median cycles for a",
    "weight or a split that is asked. loaded, held: what the instruction set allows for it, "
    "operands from memory or in",
    "registers (benchmarks/bench/limit.py).",
)
RULES = (
    "found: flash at most 1/6 (A: 1/20) of the smallest peer's and worst cycles at most 1/10 "
    "(A: 1/30) of the quickest's,",
    "at equal or better error. The peers' best is chosen by the test rows, in their favour, and "
    "may be two; ours is one model.",
    "converted: at most 1/2 and 1/3 of the best code of the same fitted model that answers as it "
    "does.",
)


@dataclass(frozen=True)
class Run:
    """Everything that is saved: points by task, in the order of the tasks."""

    points: Mapping[str, Sequence[Point]]
    sources: tuple[str, ...] = ()  # of the parts
    lacking: Mapping[str, Sequence[str]] = field(default_factory=dict)  # parts not measured yet

    @property
    def found(self) -> list[Line]:
        return [
            line
            for name, points in self.points.items()
            for line in found_lines(name, points, TASKS[name].flash, TASKS[name].cycles)
        ]

    @property
    def converted(self) -> list[Line]:
        return [line for name, p in self.points.items() for line in converted_lines(name, p)]


def read_run(folder: Path) -> Run:
    """The saved parts of a run."""
    saved = {name: parts for name in TASKS if (parts := read_saved(name, folder))}
    points = {
        name: tuple(p for part in parts.values() for p in part.points)
        for name, parts in saved.items()
    }
    hashes = {part.sources for parts in saved.values() for part in parts.values()}
    lacking = {
        name: tuple(title for title in PARTS if title not in parts)
        for name, parts in saved.items()
        if len(parts) < len(PARTS)
    }
    return Run(points, tuple(sorted(hashes)), lacking)


def write_pages(folder: Path) -> str:
    """Writes what is made of the saved parts, and returns the text: of the whole run into
    results/ and docs/, of another folder into that.
    """
    run = read_run(folder)
    if not run.points:
        raise SystemExit(f"nothing is measured in {folder}: leave --show out")
    text, drawing = as_text(run), as_picture(run)
    out = folder.parent if folder == SAVED else folder
    write_whole(out / "bench.txt", text)
    write_whole(out / "bench.json", as_json(run))
    write_whole(PICTURE if folder == SAVED else folder / "bench.svg", drawing)
    if folder == SAVED:
        before, rest = PAGE.read_text(encoding="utf-8").split(START)
        write_whole(PAGE, before + START + as_markdown(run) + END + rest.split(END, 1)[1])
    return text


# ---- text and JSON ----


def as_text(run: Run) -> str:
    """Every point, what has no figures, every verdict."""
    blocks = [*NOTES, ""]
    for name, points in run.points.items():
        task = TASKS[name]
        blocks += [f"== {name}: {task.title}", "", _point_table(points), ""]
    blocks += ["== No figures", "", *failures(run), "", "== Answers otherwise than its model", ""]
    blocks += [*otherwise(run), "", "== No such models", ""]
    blocks += [f"of numbers: {line}" for line in not_offered(False)]
    blocks += [f"of classes: {line}" for line in not_offered(True)]
    blocks += ["", "== Verdicts", "", *RULES, "", _line_table(run.found), ""]
    blocks += [_line_table(run.converted), "", *summary(run), ""]
    return "\n".join(blocks)


def _point_table(points: Iterable[Point]) -> str:
    headers = ["code of", "model", "error", "differ", "chip", "flash B", "RAM B", "stack B"]
    headers += ["cycles", "worst", "each", "loaded", "held", ""]
    body = [
        [
            f"{p.package} {p.version}, {p.way}",
            p.model,
            error_of(p),
            p.differing,
            p.board,
            p.flash_bytes,
            p.ram_bytes,
            p.stack_bytes,
            p.cycles_median,
            p.cycles_max,
            *(f"{v:.1f}" if v else "" for v in each(p)),
            "chosen" if p.chosen else "answers otherwise" if p.fitted and not p.right else "",
        ]
        for p in points
        if not p.message
    ]
    return table(headers, body)


def error_of(p: Point) -> str:
    return f"{100 * p.error:.2f} %" if p.classes else f"{p.error:.4g}"


def each(p: Point) -> tuple[float, float, float]:
    """Cycles for a weight or a split that is asked: measured, and the two limits; 0 of no such."""
    count = p.splits or p.weights  # behind the trees of a forest one weight scales their sum
    if not count:
        return 0.0, 0.0, 0.0
    return p.cycles_median / count, p.limit_loaded / count, p.limit_held / count


def failures(run: Run) -> list[str]:
    """What does not compile, does not fit or has no such model, with the message, each once."""
    found: dict[str, list[str]] = {}
    for name, points in run.points.items():
        for p in points:
            if p.message:
                words = f"{p.package} {p.version}, {p.way}: {p.message}"
                found.setdefault(words, []).append(f"{name} {p.model}")
    return [f"{words} (of {len(where)}, first {where[0]})" for words, where in found.items()]


def otherwise(run: Run) -> list[str]:
    """Code that runs and does not answer as its model does."""
    return [
        f"{p.package}, {p.way}: {name}, {p.model}: {p.differing} of {p.rows} rows, "
        f"error {error_of(p)}, its model's "
        f"{error_of(replace(p, error=p.model_error))}"
        for name, points in run.points.items()
        for p in points
        if p.fitted and not p.message and not p.right
    ]


def _line_table(lines: Iterable[Line]) -> str:
    headers = ["task", "at", "error", "ours", "flash", "cycles", "holds", "why not"]
    body = [
        [
            line.task,
            line.what if line.reached else f"{line.what}, no peer has it",
            f"{line.error:.4g}",
            line.ours.model if line.ours else "-",
            _ratio(line.flash),
            _ratio(line.cycles),
            {True: "yes", False: "no", None: "-"}[line.holds],
            line.why,
        ]
        for line in lines
    ]
    return table(headers, body)


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def summary(run: Run) -> list[str]:
    """How many lines hold."""
    kinds = [
        ("found, as train chooses", [n for n in run.found if n.what == CHOSEN]),
        ("found, at every error of the peers' front", [n for n in run.found if n.what == LEVEL]),
        ("converted", [n for n in run.converted if n.holds is not None]),
    ]
    return [f"{words}: {sum(bool(n.holds) for n in k)} of {len(k)} hold" for words, k in kinds]


def as_json(run: Run) -> str:
    """The verdicts, one a line; the points are in results/bench/."""
    lines = [json.dumps(line.plain()) for line in (*run.found, *run.converted)]
    head = json.dumps({"sources": run.sources, "summary": summary(run)})
    return f'{head[:-1]},\n"lines": [\n' + ",\n".join(lines) + "\n]}\n"


def as_picture(run: Run) -> str:
    shown = {name: p for name, p in run.points.items() if name in DRAWN} or run.points
    return picture(shown, {name: unit_of(name) for name in shown})


# ---- the page ----


def as_markdown(run: Run) -> str:
    """The tables of docs/comparison.md."""
    parts = [*_found_rows(run), "", *_converted_rows(run), "", *_limit_rows(run)]
    shown = {line.task for line in run.found}
    missing = [f"{task.title} ({name})" for name, task in TASKS.items() if name not in shown]
    if missing:
        parts += ["", f"Not in this run yet: {', '.join(missing)}."]
    if lacking := {name: titles for name, titles in run.lacking.items() if name in shown}:
        told = (f"{name} ({len(titles)} of {len(PARTS)})" for name, titles in lacking.items())
        parts += ["", f"With parts still missing: {', '.join(told)}."]
    return "\n".join(parts) + "\n"


def _found_rows(run: Run) -> Iterator[str]:
    """At the lowest error of the peers; how many of all their errors hold; what train chooses."""
    yield (
        "| task | the peers' lowest error | smallest, quickest peer with it | ours, no worse: "
        "error, flash, cycles | flash, cycles: part of theirs | goal | holds | at all their errors "
        "| what `train` chooses |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in run.points:
        lines = [n for n in run.found if n.task == name]
        levels = [n for n in lines if n.what == LEVEL]
        for line, chosen in zip(levels[:1], (n for n in lines if n.what == CHOSEN)):
            assert line.small and line.quick and chosen.ours
            cells = [
                name,
                _with_unit(name, replace(line.small, error=line.error)),
                f"{line.small.package}, {line.small.model}: {line.small.flash_bytes:,} B; "
                f"{line.quick.package}, {line.quick.model}: {line.quick.cycles_max:,}",
                _ours(line),
                f"{_ratio(line.flash)}, {_ratio(line.cycles)}",
                f"{line.flash_goal:.3f}, {line.cycles_goal:.3f}",
                "yes" if line.holds else f"no: {_short_why(line)}",
                f"{sum(bool(n.holds) for n in levels)} of {len(levels)}",
                f"{_with_unit(name, chosen.ours)}: {_cost(chosen.ours)}",
            ]
            yield "| " + " | ".join(cells) + " |"


def _ours(line: Line) -> str:
    if line.ours is None:
        return "none"
    return f"{line.ours.model.split(',')[0]}, {error_of(line.ours)}: {_cost(line.ours)}"


def _cost(p: Point) -> str:
    return f"{p.flash_bytes:,} B, {p.cycles_max:,}"


def _short_why(line: Line) -> str:
    if line.ours is None:
        return line.why
    missed = [("flash", line.flash, line.flash_goal), ("cycles", line.cycles, line.cycles_goal)]
    return " and ".join(word for word, ratio, goal in missed if ratio is not None and ratio > goal)


def _with_unit(task: str, p: Point) -> str:
    return f"{error_of(p)} {unit_of(task)}".rstrip()


def unit_of(task: str) -> str:
    return UNITS.get(task.split()[0], "")


def _kinds(run: Run, key: Callable[[Line], str]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in run.converted:
        found.setdefault(key(line), []).append(line)
    return found


def _converted_rows(run: Run) -> Iterator[str]:
    yield (
        "| the same fitted model, converted | models | half the flash and a third of the cycles | "
        "and in the form that does | flash: median, worst | cycles: median, worst | "
        "no peer answers right |"
    )
    yield "|---|---|---|---|---|---|---|"
    for kind, lines in _kinds(run, lambda n: n.what.split(",")[0]).items():
        compared = [n for n in lines if n.holds is not None]
        flash = [n.flash for n in compared if n.flash is not None]
        cycles = [n.cycles for n in compared if n.cycles is not None]
        kept = sum(bool(n.holds) for n in compared), sum(bool(n.instead) for n in compared)
        cells = [kind, str(len(lines)), *(f"{k}/{len(compared)}" for k in kept)]
        for ratios in (flash, cycles):
            told = f"{median(ratios):.2f}, {max(ratios):.2f}" if ratios else "-"
            cells.append(told)
        cells.append(str(len(lines) - len(compared)))
        yield "| " + " | ".join(cells) + " |"


def _limit_rows(run: Run) -> Iterator[str]:
    """Of every kind of estimator that is converted, then of every family that train has found."""
    yield (
        "| median cycles of an answer for each weight, or split that is asked | models | tinygen | "
        "quickest peer | limit, operands loaded | limit, operands in registers |"
    )
    yield "|---|---|---|---|---|---|"
    for kind, lines in _kinds(run, lambda n: n.what.split(",")[0]).items():
        mine = [n.ours for n in lines if n.ours and not n.ours.message]
        yield _limit_row(f"{kind}, converted", mine, [n.quick for n in lines if n.quick])
    families: dict[str, list[Point]] = {}
    for p in (p for points in run.points.values() for p in points):
        if p.ours and not p.fitted and each(p)[0]:
            families.setdefault(p.model.split(",")[0], []).append(p)
    for family, mine in families.items():
        yield _limit_row(f"{family}, found in the rows", mine, [])


def _limit_row(title: str, mine: list[Point], theirs: list[Point]) -> str:
    unit = "split" if mine and mine[0].splits else "weight"
    cells = [f"{title}: a {unit}", str(len(mine))]
    cells += [_middle([each(p)[0] for p in some]) for some in (mine, theirs)]
    cells += [_middle([each(p)[k] for p in mine]) for k in (1, 2)]
    return "| " + " | ".join(cells) + " |"


def _middle(values: Sequence[float]) -> str:
    """Median, and the range."""
    if not values:
        return "-"
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
