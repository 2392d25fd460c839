"""One run: the parts of every task, each saved as soon as it is measured."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
from converted_models import Fitted
from converted_ways import Way
from peer_code import absent, elsewhere

from tinygen.common.errors import TinygenError
from tinygen.common.files import write_whole
from tinygen.model.model import Model
from tinygen.model.operations.outside import Outside

from . import ours
from .grid import CONFIGURATIONS, Configuration, counts, fit
from .measure import Point, judged, measured
from .peers import PACKAGES, offered
from .tasks import Task

ROOT = Path(__file__).parents[2]
SAVED = ROOT / "benchmarks/results/bench"
SEARCH = "search"  # the part that tinygen finds in the rows
# what a measured part depends on
SOURCES = (
    "tinygen/**/*.py",
    "templates/**/*.j2",
    "firmware/include/*.h",
    "benchmarks/converted_models.py",
    "benchmarks/converted_ways.py",
    "benchmarks/peer_code.py",
    *(f"benchmarks/bench/{n}.py" for n in ("grid", "limit", "measure", "ours", "peers", "tasks")),
)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """The points of one estimator of the grid, or of the search, on one task."""

    sources: str  # a hash of what made it
    points: tuple[Point, ...]


@cache
def sources() -> str:
    """A hash of every file that a measured part depends on."""
    total = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


# ---- saved parts ----


def saved_path(task: str, folder: Path = SAVED) -> Path:
    return folder / f"{task.replace(' ', '_')}.json"


def read_saved(task: str, folder: Path = SAVED) -> dict[str, Part]:
    """The parts that are there, by their titles."""
    path = saved_path(task, folder)
    if not path.exists():
        return {}
    plain = json.loads(path.read_text(encoding="ascii"))
    return {
        title: Part(part["sources"], tuple(Point(**p) for p in part["points"]))
        for title, part in plain.items()
    }


def write_saved(task: str, parts: dict[str, Part], folder: Path = SAVED) -> None:
    """One point a line, what is at its default left out."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = []
    for title, part in parts.items():
        points = ",\n".join(json.dumps(_short(p)) for p in part.points)
        texts.append(
            f'{json.dumps(title)}: {{"sources": "{part.sources}", "points": [\n{points}]}}'
        )
    write_whole(saved_path(task, folder), "{\n" + ",\n".join(texts) + "\n}\n")


def _short(point: Point) -> dict:
    default = {f.name: f.default for f in fields(Point)}
    return {name: v for name, v in asdict(point).items() if v != default[name]}


# ---- measuring ----


def run(tasks: Iterable[Task], quick: bool, fresh: bool, say: Say, folder: Path = SAVED) -> None:
    """Measures what is not saved yet; fresh: everything."""
    usual = np.geterr()
    missing = absent({p for p in PACKAGES if p != "float C"})
    np.seterr(**usual)  # emlearn makes an error of every underflow, of our search's as well
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}: start this with `make bench`")
    sizes = [c for c in CONFIGURATIONS if c.quick or not quick]
    for task in tasks:
        parts = {} if fresh else read_saved(task.name, folder)
        done = {title for title, part in parts.items() if part.sources == sources()}
        todo = [title for title in (SEARCH, *(c.title for c in sizes)) if title not in done]
        try:
            rows = len(task.dataset.y) if todo else 0
        except OSError as error:
            say(f"{task.name}: left out, {error.strerror}: {error.filename}")
            continue
        for title in todo:
            say(f"{task.name}, {rows:,} rows: {title}")
            parts[title] = Part(sources(), tuple(_measured(task, title)))
            write_saved(task.name, parts, folder)


def _measured(task: Task, title: str) -> list[Point]:
    if title == SEARCH:
        return ours.found_in_rows(task)
    return of_grid(task, next(c for c in CONFIGURATIONS if c.title == title))


def of_grid(task: Task, size: Configuration) -> list[Point]:
    """One estimator, fitted once, through tinygen and through every way of every peer."""
    fitted, rows = fit(task, size), task.dataset.x[task.dataset.test]
    reference = np.asarray(fitted.original.predict(rows.astype(float))).ravel()
    weights, splits = counts(fitted, rows)
    points = ours.converted(task, fitted, size.title, reference)
    for way in offered(fitted):
        blank = Point(way.package, version(way.package), size.title, way.title, fitted=True)
        blank = replace(blank, weights=weights, splits=round(splits, 3))
        points.append(peer_point(task, blank, way, fitted, reference))
    return points


def peer_point(task: Task, blank: Point, way: Way, fitted: Fitted, reference: np.ndarray) -> Point:
    """A peer's code on every test row; whatever it raises, and whatever the compiler says, is its
    message.
    """
    try:
        with elsewhere():
            code = way.write(fitted)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        return replace(blank, message=f"{type(error).__name__}: {first}"[:160])
    data = task.dataset
    limits = Outside(*zip(*(q.limits for q in data.inputs)))
    carrier = Model("peer", "peer", data.inputs, data.target, (limits,))
    try:
        told = measured(carrier, data.x[data.test], code.header(len(data.inputs)), code.options)
    except TinygenError as error:
        return replace(blank, message=str(error).replace("model 'peer' alone ", ""))
    return replace(blank, **told.figures, **judged(task, told.answers, reference))


def version(package: str) -> str:
    return "by hand" if package == "float C" else importlib.metadata.version(package)
