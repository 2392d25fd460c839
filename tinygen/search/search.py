"""The best model for the bytes: candidates lowered to integers, compiled, simulated, and laid out
as a ladder.

What is chosen depends on training rows and on measured cost only. The test rows appear in the
ladder for the reader, never in the choice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

from ..codegen.emit import render_header
from ..common.boards import Board
from ..common.errors import ModelError, QuantizeError, UsageError
from ..common.files import write_whole
from ..data import Dataset, Rows
from ..families import FAMILIES
from ..fitting.fitted import Fitted
from ..model.alarm_threshold import AlarmCost, learned
from ..model.model import Model, from_json
from ..target import bare as cost
from ..target.bare import ModelCost
from ..target.build import Budget
from .comparators import Baseline
from .cross_validation import (
    Candidate,
    Trained,
    as_good_as,
    cross_validate,
    error_scale,
    families,
    fold_cuts,
    plain_config,
    preferred,
    rounded,
)
from .quantize import quantize, raw_threshold

FINALISTS = 16  # candidates that are lowered, compiled and simulated
SCHEDULER_SECONDS = 10  # that a Dask scheduler may take to answer
SCHEMA = 1
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Rung:
    """One finalist: its integer model, its error in cross-validation, and its measured cost."""

    model: Model
    # over the folds: mean absolute in the output's unit, or the error rate; with what rounding cost
    error: float
    cost: ModelCost
    folds: tuple[float, ...] = ()  # the float model's error in each fold
    floats: tuple[float, ...] = field(
        default=(), compare=False, repr=False
    )  # the float model's raw answers to the test rows
    training_error: float = field(
        default=0.0, compare=False
    )  # of the integer model, in the unit of `error`

    @property
    def ram_bytes(self) -> int:
        """Static RAM and the call's stack."""
        return self.cost.ram_bytes + self.cost.stack_bytes


@dataclass(frozen=True)
class Ladder:
    """Finalists from the smallest to the largest, and which one is chosen."""

    rungs: tuple[Rung, ...]
    chosen: int
    board: str  # the costs' board id
    sensors: tuple[
        tuple[str, float], ...
    ] = ()  # input of the chosen model -> part by which the error grows without it
    budget: Budget = Budget()  # that the choice had to keep
    baselines: tuple[Baseline, ...] = ()  # on the same test rows

    @property
    def model(self) -> Model:
        return self.rungs[self.chosen].model

    def with_facts(self, **facts) -> Ladder:
        """The ladder with more training facts in the chosen model."""
        rung = self.rungs[self.chosen]
        told = replace(rung, model=replace(rung.model, training={**rung.model.training, **facts}))
        return replace(
            self, rungs=(*self.rungs[: self.chosen], told, *self.rungs[self.chosen + 1 :])
        )


def search(
    dataset: Dataset,
    name: str,
    threshold: float | None,
    family: str,
    board: Board,
    budget: Budget,
    progress: Progress | None = None,
    dask: str | None = None,
    optimize: str | None = None,
    alarm_cost: AlarmCost | None = None,
) -> Ladder:
    """The ladder of a data set on a board. UsageError where no finalist fits the budget.

    The chosen model is the best one within the budget; without a budget, the smallest that is as
    good as the best. alarm_cost: what mistakes of the alarm cost; its threshold is then learned,
    for each rung from its answers in the folds. dask: address of a Dask scheduler whose workers
    cross-validate; without it this machine does. optimize: what the C is written for, one of
    OPTIMIZE; None tries what the budget asks for.
    """
    say = progress or (lambda text: None)
    with cluster(dask):
        candidates = cross_validate(dataset, families(family, dataset), say, budget.flash_bytes)
    ranked = preferred(candidates, dataset)
    rungs: list[Rung] = []
    waiting, fits = _one_per_size(ranked), {}
    for group in _groups(waiting, budget, len(dataset.inputs)):
        if not _worth_measuring(group, rungs, budget, dataset):
            break
        for part in _parts(group, dataset):
            part = [c for c in part if not _beaten(c, rungs, budget, dataset)]
            if not part:
                continue
            say(f"compiling and simulating {len(part)} finalists for {board.title}")
            _fit(part, waiting, fits, dataset)
            rungs += _measured(
                dataset, part, fits, name, threshold, board, budget, optimize, alarm_cost
            )
    if not rungs:
        raise QuantizeError(
            f"no candidate of family {family} can be bounded in 32 bits: narrow the input ranges"
        )
    best = choose(rungs, budget, dataset)
    say("asking what each sensor is worth")
    ordered = sorted(rungs, key=lambda r: (r.cost.flash_bytes, r.error))
    return Ladder(
        tuple(ordered),
        ordered.index(best),
        board.pio_id,
        sensor_worth(dataset, best.model, ranked),
        budget,
    )


@contextmanager
def cluster(address: str | None):
    """Within it, joblib's work runs on the workers of a Dask scheduler; UsageError where that does
    not answer.
    """
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--dask needs the package 'distributed': pip install 'tinygen[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=SCHEDULER_SECONDS)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler at '{address}' ({type(error).__name__}): start one with `dask "
            "scheduler`"
        ) from None
    with client, parallel_config(backend="dask"):
        yield


def sensor_worth(
    dataset: Dataset, model: Model, ranked: list[Candidate]
) -> tuple[tuple[str, float], ...]:
    """(input, growth) for each input of a model: the part by which its error grows when it is
    fitted without that input.

    Fitted and judged on folds of the training rows: all of them where they run in time, else one.
    Empty for a model of a single input, and for families whose configuration names an input.
    """
    candidate = next(
        c
        for c in ranked
        if c.family == model.family and plain_config(c.config) == model.training["config"]
    )
    family, names = FAMILIES[candidate.family], [q.name for q in dataset.inputs]
    used = [names.index(q.name) for q in model.inputs]
    if len(used) < 2 or not family.any_inputs:
        return ()
    cuts = fold_cuts(dataset) if dataset.split.by_time else fold_cuts(dataset)[:1]

    def errors(without: int | None) -> np.ndarray:
        rows = dataset.rows.only(tuple(c for c in range(len(names)) if c != without))
        fits = [
            family.fit_all(rows.take(fit_on), [candidate.config], dataset.split.seed, draft=True)[0]
            for fit_on, _ in cuts
        ]
        return np.array(
            [max(rows.take(v).error(rounded(f, rows.x[v])), 1e-9) for f, (_, v) in zip(fits, cuts)]
        )

    with threadpool_limits(1):
        base, *others = Parallel(n_jobs=-1, prefer="threads")(
            delayed(errors)(column) for column in (None, *used)
        )
    return tuple(
        (names[column], float(np.exp(np.log(other / base).mean()) - 1))
        for column, other in zip(used, others)
    )


def _one_per_size(ranked: list[Candidate]) -> list[Candidate]:
    """The best candidate of each size, best first."""
    best = {}
    for candidate in ranked:
        best.setdefault(
            (candidate.family, FAMILIES[candidate.family].size(candidate.config)), candidate
        )
    return list(best.values())


def _groups(waiting: list[Candidate], budget: Budget, inputs: int):
    """Candidates to measure, in blocks: those that may fit first, the best ones and the best of
    each family; then the others.
    """
    small = [c for c in waiting if FAMILIES[c.family].may_fit(c.config, inputs, budget.flash_bytes)]
    for some in (small, [c for c in waiting if c not in small]):
        kinds = {c.family: c for c in reversed(some)}
        leading = [c for k, c in enumerate(some) if k < FINALISTS or c is kinds[c.family]]
        rest = [c for c in some if c not in leading]
        yield from (
            block
            for block in (
                leading,
                *(rest[k : k + FINALISTS] for k in range(0, len(rest), FINALISTS)),
            )
            if block
        )


def _worth_measuring(
    group: list[Candidate], rungs: list[Rung], budget: Budget, dataset: Dataset
) -> bool:
    """True while nothing fits, or where one of the group might be better than all that fit. Under
    drift order decides, not error.
    """
    good = [rung for rung in rungs if within(rung, budget)]
    if not good:
        return True
    if budget == Budget() or dataset.split.by_time:
        return False
    best, inputs = min(rung.error for rung in good), len(dataset.inputs)
    return any(
        c.error * error_scale(dataset) < best
        and FAMILIES[c.family].may_fit(c.config, inputs, budget.flash_bytes)
        for c in group
    )


def _parts(group: list[Candidate], dataset: Dataset) -> list[list[Candidate]]:
    """The best of each family, then the others; under drift, where order decides, all at once."""
    if dataset.split.by_time:
        return [group]
    kinds = list({c.family: c for c in reversed(group)}.values())
    return [[c for c in group if c in kinds], [c for c in group if c not in kinds]]


def _beaten(candidate: Candidate, rungs: list[Rung], budget: Budget, dataset: Dataset) -> bool:
    """True where a model that fits the budget is smaller than this one can be and has too small an
    error for it to be chosen.
    """
    if dataset.split.by_time:
        return False
    least = FAMILIES[candidate.family].least_bytes(candidate.config, len(dataset.inputs))
    return any(
        rung.cost.flash_bytes <= least
        and as_good_as(rung.error, dataset) < candidate.error * error_scale(dataset)
        for rung in rungs
        if within(rung, budget)
    )


def _fit(
    group: list[Candidate],
    waiting: list[Candidate],
    fits: dict[Candidate, Fitted],
    dataset: Dataset,
) -> None:
    """Adds a fit to all training rows for each of the group to `fits`, and for what comes from the
    same fit.
    """
    rows, jobs = dataset.training, []
    for kind in dict.fromkeys(c.family for c in group):
        known = {c.config: c for c in waiting if c.family == kind and c not in fits}
        jobs += [
            [known[config] for config in shared]
            for shared in FAMILIES[kind].fits_of(list(known))
            if any(known[config] in group for config in shared)
        ]

    def fitted(job: list[Candidate]) -> dict[Candidate, Fitted]:
        return dict(
            zip(
                job,
                FAMILIES[job[0].family].fit_all(rows, [c.config for c in job], dataset.split.seed),
            )
        )

    with threadpool_limits(1):
        for found in Parallel(n_jobs=-1, prefer="threads")(delayed(fitted)(job) for job in jobs):
            fits |= found


def _measured(
    dataset: Dataset,
    group: list[Candidate],
    fits: dict[Candidate, Fitted],
    name: str,
    threshold: float | None,
    board: Board,
    budget: Budget,
    optimize: str | None,
    alarm_cost: AlarmCost | None = None,
) -> list[Rung]:
    """Rungs in the order of the candidates; one that cannot be bounded is left out."""
    rows = dataset.training
    truth = dataset.y[np.concatenate([validate for _, validate in fold_cuts(dataset)])]

    def rung(candidate: Candidate) -> Rung | None:
        trained = Trained(FAMILIES[candidate.family], candidate.config, fits[candidate])
        try:
            alarm = alarm_cost and learned(
                alarm_cost, raw_threshold(dataset.target, threshold), candidate.unseen, truth
            )
            model = quantize(trained, dataset, name, threshold, alarm)
        except (ModelError, QuantizeError):
            return None
        scale, columns = error_scale(dataset), list(trained.fitted.columns)
        training = rows.error(model.predict(rows.x[:, columns]))
        error = _with_rounding(candidate.error, training, trained, rows)
        floats = tuple(rounded(trained.fitted, dataset.x[dataset.test]).tolist())
        folds = tuple(float(f"{loss * scale:.6g}") for loss in candidate.losses)
        return _affordable(
            Rung(model, error * scale, None, folds, floats, training * scale),
            board,
            budget,
            optimize,
        )

    with threadpool_limits(1):
        made = Parallel(n_jobs=-1, prefer="threads")(
            delayed(rung)(candidate) for candidate in group
        )
    return [rung for rung in made if rung]


def _affordable(unmeasured: Rung, board: Board, budget: Budget, optimize: str | None) -> Rung:
    """The rung with its cost: its C balanced, or written for size or for speed where only that fits
    the budget.
    """

    def written(goal: str) -> Rung:
        told = replace(unmeasured.model, optimize=goal)
        return replace(unmeasured, model=told, cost=cost.measure(told, board))

    rung = written(optimize or "balanced")
    large, slow = (
        _above(rung.cost.flash_bytes, budget.flash_bytes),
        _above(rung.cost.cycles_max, budget.cycles),
    )
    if optimize or large == slow:  # it fits, or what helps one harms the other
        return rung
    other = "size" if large else "speed"
    if render_header(replace(rung.model, optimize=other)) == render_header(rung.model):
        return rung  # nothing in this model can be traded
    traded = written(other)
    return traded if within(traded, budget) else rung


def _above(used: int, limit: int | None) -> bool:
    return limit is not None and used > limit


def _with_rounding(error: float, whole: float, trained: Trained, rows: Rows) -> float:
    """An error of the folds, which judge the float model, with what rounding to integers added to
    its `whole` training error.
    """
    exact = rows.error(rounded(trained.fitted, rows.x))
    if rows.labels:
        return error + max(whole - exact, 0.0)
    return error * max(1.0, whole / max(exact, 1e-9)) if whole else error


def within(rung: Rung, budget: Budget) -> bool:
    """True if the rung fits: flash, static RAM and stack, worst cycles."""
    pairs = (
        (rung.cost.flash_bytes, budget.flash_bytes),
        (rung.ram_bytes, budget.ram_bytes),
        (rung.cost.cycles_max, budget.cycles),
    )
    return not any(_above(used, limit) for used, limit in pairs)


def choose(rungs: list[Rung], budget: Budget, dataset: Dataset) -> Rung:
    """The best affordable rung; where no budget is given, the smallest one that is as good.

    `rungs` come in order of preference. Under a split by time that order decides which one is best;
    else the error does, because it knows what rounding cost. Folds judge a configuration: among
    affordable models whose configurations are as good as the best one, the one that fits the
    training rows best was the luckiest fit.
    """
    good = [rung for rung in rungs if within(rung, budget)]
    if not good:
        least = min(rungs, key=lambda r: r.cost.flash_bytes)
        raise UsageError(
            f"none of {len(rungs)} finalists fits the budget: the smallest needs "
            f"{least.cost.flash_bytes} bytes of flash, {least.ram_bytes} of RAM and "
            f"{least.cost.cycles_max} cycles; "
            "raise --max-flash, --max-ram or --max-cycles"
        )
    best = good[0] if dataset.split.by_time else min(good, key=lambda r: r.error)
    if dataset.split.by_time and budget != Budget():
        return best
    enough = as_good_as(best.error, dataset)
    alike = [rung for rung in good if rung.error <= enough]
    if budget != Budget():  # a budget says what may be spent; without one, no byte is spent in vain
        return min(alike, key=lambda r: (r.training_error, r.error))
    return min(alike, key=lambda r: (r.cost.flash_bytes, r.error))


# ---- the ladder's file ----


def save(ladder: Ladder, path: Path) -> None:
    """Writes the whole ladder, models included, so that another rung can be picked later."""
    rungs = [
        {
            "error": r.error,
            "folds": r.folds,
            "cost": asdict(r.cost),
            "model": json.loads(r.model.to_json()),
        }
        for r in ladder.rungs
    ]
    plain = {
        "schema": SCHEMA,
        "board": ladder.board,
        "chosen": ladder.chosen,
        "sensors": ladder.sensors,
        "budget": asdict(ladder.budget),
        "baselines": [asdict(b) for b in ladder.baselines],
        "rungs": rungs,
    }
    write_whole(path, json.dumps(plain, indent=1) + "\n")


def load(path: Path) -> Ladder:
    """The ladder that `save` wrote; ModelError if the file is missing or not one."""
    if not Path(path).is_file():
        raise ModelError(
            f"search file '{path}' does not exist: `tinygen train` writes one beside the model"
        )
    try:
        plain = json.loads(Path(path).read_text(encoding="ascii"))
        rungs = tuple(
            Rung(
                from_json(json.dumps(r["model"])),
                float(r["error"]),
                ModelCost(**r["cost"]),
                tuple(map(float, r["folds"])),
            )
            for r in plain["rungs"]
        )
        return Ladder(
            rungs,
            int(plain["chosen"]),
            str(plain["board"]),
            tuple((str(n), float(g)) for n, g in plain["sensors"]),
            Budget(**plain["budget"]),
            tuple(Baseline(**b) for b in plain["baselines"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"search file '{path}' is not as `tinygen train` writes it "
            f"({type(error).__name__}): train again"
        ) from None


def pick(ladder: Ladder, number: int) -> Model:
    """The model of rung `number`, counted from 1 as the ladder is printed."""
    if not 1 <= number <= len(ladder.rungs):
        raise UsageError(f"rung {number} does not exist: choose 1 to {len(ladder.rungs)}")
    return ladder.rungs[number - 1].model
