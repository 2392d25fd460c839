"""The parts of a run: what each depends on, and the files that keep what was measured."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

from tinygen.common.files import write_whole

from . import theirs
from .grid import CONFIGURATIONS, Configuration
from .measure import Point

ROOT = Path(__file__).parents[2]
SAVED = ROOT / "benchmarks/results/bench"
SEARCH = "search"  # the part that tinygen finds in the rows
PEERS, OURS = "peers", "tinygen"
SIDES = PEERS, OURS  # in the order of a run: the peers' code changes less often than ours
# title -> side, estimator: in the order in which they are saved and shown
PARTS: dict[str, tuple[str, Configuration | None]] = {
    SEARCH: (OURS, None),
    **{f"{size.title}, {side}": (side, size) for size in CONFIGURATIONS for side in (OURS, PEERS)},
}
# What both sides' figures come from: rows and split, fitted estimators with the packages that fit
# them, and how a program is compiled, loaded and counted.
MEASURING = (
    "benchmarks/requirements.txt",
    *(f"benchmarks/{n}.py" for n in ("converted_models", "goals", "sklearn_sets")),
    *(f"benchmarks/bench/{n}.py" for n in ("grid", "measure", "tasks")),
    "tinygen/data/*.py",
    "tinygen/data/table/*.py",
    "tinygen/model/fixedpoint.py",
    "tinygen/common/boards/*.py",
    *(f"tinygen/common/{n}.py" for n in ("errors", "files", "process", "tables")),
    *(f"tinygen/target/{n}.py" for n in ("avr_gcc", "bare", "chips", "toolchain")),
    "host/virtual/**/*.py",
)
# what a measured part depends on
SOURCES = {
    PEERS: (
        *MEASURING,
        *(f"benchmarks/{n}.py" for n in ("converted_ways", "peer_code")),
        *(f"benchmarks/bench/{n}.py" for n in ("peers", "theirs")),
    ),
    OURS: (
        *MEASURING,
        *(f"benchmarks/bench/{n}.py" for n in ("limit", "ours")),
        "tinygen/**/*.py",
        "templates/**/*.j2",
        "firmware/include/*.h",
    ),
}


@dataclass(frozen=True)
class Part:
    """The points of one side on one estimator of the grid, or of the search, on one task."""

    sources: str  # a hash of what made it
    points: tuple[Point, ...]


def titles(side: str, quick: bool) -> list[str]:
    """The parts of one side; quick: those of a quick run."""
    return [
        title
        for title, (whose, size) in PARTS.items()
        if whose == side and (size is None or size.quick or not quick)
    ]


@cache
def sources(side: str) -> str:
    """A hash of all that the side's parts depend on: files, and for the peers the program around
    their code. That is the one thing of tinygen's own models and templates that reaches them.
    """
    total = hashlib.sha256()
    files = {path for pattern in SOURCES[side] for path in ROOT.glob(pattern)}
    for path in sorted(files):
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    if side == PEERS:
        total.update(theirs.program().encode())
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
    """In the order of PARTS, whichever was measured first; one point a line, what is at its default
    left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = []
    for title in (title for title in PARTS if title in parts):
        points = ",\n".join(json.dumps(_short(p)) for p in parts[title].points)
        texts.append(
            f'{json.dumps(title)}: {{"sources": "{parts[title].sources}", "points": [\n{points}]}}'
        )
    write_whole(saved_path(task, folder), "{\n" + ",\n".join(texts) + "\n}\n")


def _short(point: Point) -> dict:
    default = {f.name: f.default for f in fields(Point)}
    return {name: v for name, v in asdict(point).items() if v != default[name]}
