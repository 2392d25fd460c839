"""The search: choices of features, families on each, votes, whole programs measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...common.boards import Board
from ...common.errors import DoesNotFit, ModelError, QuantizeError, UsageError
from ...common.tables import six_digits
from ...data.recordings import Recordings, WindowSpec
from ...model.fixedpoint import Quantity
from ...model.signals import FrontEnd, SignalModel
from ...model.signals.signal_model import WINDOW_SUFFIX
from ...target.bare import measure_cost
from ...target.build import NO_LIMITS, Budget
from ..cross_validation import Candidate, fold_cuts, rank
from ..finalists import SearchRequest
from ..ladder import Rung, choose
from ..model_search import measured
from .costs import measure_signals
from .feature_choice import FeatureChoice, nested_choices
from .ladder import SignalLadder, SignalRung, ladder_of
from .pool import candidate_front
from .votes import Vote, chosen_vote, runs_of, votes_between
from .window_rows import WindowRows, rows_of

Progress = Callable[[str], None]
# features of the choices that are tried: of the pool whose code is small, and of all
SIZES = {True: (4, 8, 14, 26), False: (8, 20)}
LOAD = 0.5  # most of the processor's time, where the user does not say
VOTE_PART = 0.5  # of the shortest recording, that a vote may last
# windows by which a vote may put off a decision: recordings that never change would ask for more
VOTE_WINDOWS = 2


@dataclass(frozen=True)
class SignalRequest:
    """What a search looks for: everything but the recordings."""

    name: str  # prefix of the C names
    board: Board
    spec: WindowSpec
    family: str = "auto"  # of the model of a window
    budget: Budget = NO_LIMITS  # of the whole: flash, RAM with stack, cycles where a window ends
    load: float = LOAD  # most of the processor's time
    votes: int | None = None  # answers that decide; None: chosen
    seed: int = 0


def find_signal_ladder(
    recordings: Recordings, target: Quantity, request: SignalRequest, say: Progress
) -> tuple[SignalLadder, tuple[WindowRows, ...]]:
    """The ladder of models of labelled recordings, and for each rung the windows with all features
    that it was chosen from.

    UsageError where nothing fits the budget or a class has no window.
    """
    searched = [_searched(recordings, target, request, say, lean) for lean in SIZES]
    rungs = [rung for _, found in searched for rung in found]
    if not rungs:
        raise QuantizeError(
            f"no model of family {request.family} on these windows can be bounded and fits "
            f"{request.board.title}: take a shorter --window, a longer --hop or another --board"
        )
    ladder = ladder_of(rungs, request.board.pio_id, request.budget, request.load)
    of_rungs = tuple(
        next(rows for rows, found in searched if any(one is rung for one in found))
        for rung in ladder.rungs
    )
    return ladder, of_rungs


def _searched(
    recordings: Recordings, target: Quantity, request: SignalRequest, say: Progress, lean: bool
) -> tuple[WindowRows, list[SignalRung]]:
    """The windows with all features of a pool, and the rungs on the choices of them."""
    front = candidate_front(recordings.channels, recordings.rate_hz, request.spec, lean)
    say(f"computing {len(front.features)} features of every window")
    rows = rows_of(recordings, front, target, request.seed)
    _require_windows(recordings, rows)
    rungs: list[SignalRung] = []
    for choice in _tried(nested_choices(rows, say), SIZES[lean]):
        rungs += _rungs(recordings, front, rows, choice, request, say)
    return rows, rungs


def _require_windows(recordings: Recordings, rows: WindowRows) -> None:
    """UsageError where a class has no training window."""
    counts = np.bincount(rows.dataset.training.y, minlength=len(recordings.labels))
    for label, count in zip(recordings.labels, counts):
        if not count:
            raise UsageError(
                f"class '{label}' has no window in the training recordings: record more of it, or "
                "take a shorter --window"
            )


def _tried(choices: list[FeatureChoice], sizes: tuple[int, ...]) -> list[FeatureChoice]:
    """The choices whose sizes are nearest to those worth trying."""
    found = []
    for size in sizes:
        nearest = min(choices, key=lambda choice: abs(len(choice.places) - size))
        if nearest not in found:
            found.append(nearest)
    return found


def _rungs(
    recordings: Recordings,
    front: FrontEnd,
    rows: WindowRows,
    choice: FeatureChoice,
    request: SignalRequest,
    say: Progress,
) -> list[SignalRung]:
    """The best model of each family on a choice of features, as a whole program."""
    some = rows.only(choice.places)
    say(f"{len(choice.places)} features: fitting models of a window")
    ranked = rank(some.dataset, request.family, say, request.budget.flash_bytes)
    found = []
    for family in dict.fromkeys(candidate.family for candidate in ranked):
        alike = [candidate for candidate in ranked if candidate.family == family]
        say(f"{len(choice.places)} features, {family}: lowering and measuring")
        window_budget: Budget | None = NO_LIMITS
        while window_budget is not None:
            try:
                rung = _best(some, alike, window_budget, request, say)
                whole = _whole(recordings, front, some, choice, (rung, alike), request)
            except (DoesNotFit, ModelError, QuantizeError, UsageError):
                break  # nothing of this family can be bounded, or fits the chip, or is so small
            found.append(whole)
            window_budget = _left(whole, request, window_budget)
    return found


def _best(
    some: WindowRows,
    candidates: list[Candidate],
    budget: Budget,
    request: SignalRequest,
    say: Progress,
) -> Rung:
    """The best model of a window of these candidates; UsageError where none fits the budget."""
    name = f"{request.name}{WINDOW_SUFFIX}"
    wanted = SearchRequest(name, request.board, request.family, choice_only=True, budget=budget)
    return choose(measured(some.dataset, wanted, candidates, say), budget, some.dataset)


def _left(whole: SignalRung, request: SignalRequest, tried: Budget) -> Budget | None:
    """The flash that the front end leaves the model of a window, where the whole is too large and
    that was not tried; else None.
    """
    limit = request.budget.flash_bytes
    if limit is None or tried != NO_LIMITS or whole.cost.flash_bytes <= limit:
        return None
    alone = measure_cost(whole.model.window_model, request.board).flash_bytes
    left = limit - (whole.cost.flash_bytes - alone)
    return Budget(flash_bytes=left) if left > 0 else None


def _whole(
    recordings: Recordings,
    front: FrontEnd,
    some: WindowRows,
    choice: FeatureChoice,
    best: tuple[Rung, list[Candidate]],
    request: SignalRequest,
) -> SignalRung:
    """The program of a window's model: only the features that it reads, and its vote."""
    rung, candidates = best
    candidate = _candidate_of(rung, candidates)
    names = [q.name for q in some.dataset.inputs]
    places = tuple(choice.places[names.index(q.name)] for q in rung.model.inputs)
    vote, error = _vote(recordings, some, candidate, request)
    model = SignalModel(
        request.name,
        recordings.channels,
        recordings.rate_hz,
        front.only(places),
        rung.model,
        vote.votes,
        vote.lead,
    )
    rounding = max(rung.error - candidate.error, 0.0)
    cost = measure_signals(model, request.board)
    return SignalRung(model, six_digits(error + rounding), cost, candidate.config, places)


def _candidate_of(rung: Rung, candidates: list[Candidate]) -> Candidate:
    """The candidate that a rung was made of: the one with its errors in the folds."""
    return next(c for c in candidates if tuple(six_digits(loss) for loss in c.losses) == rung.folds)


def _vote(
    recordings: Recordings, some: WindowRows, candidate: Candidate, request: SignalRequest
) -> tuple[Vote, float]:
    """The vote, and the part of wrong decisions in the folds with it."""
    dataset = some.dataset
    if candidate.unseen is None:
        return Vote(request.votes or 1, 1), candidate.error
    places = np.concatenate([held for _, held in fold_cuts(dataset)])
    shortest = min(len(recordings.recordings[k].raw) for k in recordings.train)
    spec = request.spec
    most = min(
        int(VOTE_PART * shortest / spec.hop), 1 + 2 * (VOTE_WINDOWS * spec.window // spec.hop)
    )
    runs = runs_of(some.recording, places)
    answers, truth = candidate.unseen.astype(int), dataset.y[places]
    least = 1
    if request.votes is not None:
        least = most = request.votes
    return chosen_vote(answers, truth, runs, len(dataset.labels), votes_between(least, most))


def class_quantity(recordings: Recordings, column: str) -> Quantity:
    """The answer of a model of labelled recordings: the place of a label."""
    return Quantity(column or "class", "", 1.0, 0.0, float(len(recordings.labels) - 1))
