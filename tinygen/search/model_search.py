"""The best model for the bytes: candidates lowered to integers, compiled, simulated, and laid out
as a ladder.

What is chosen depends on training rows and on measured cost only. The test rows appear in the
ladder for the reader, never in the choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..common.errors import QuantizeError
from ..data import Dataset
from .cross_validation import Candidate, families, rank
from .feature_selection import sensor_worth
from .finalists import Finalists, Progress, SearchRequest
from .ladder import OPTION, Ladder, Rung, choose, worth_showing
from .workers import cluster


@dataclass(frozen=True)
class Searched:
    """What a search has measured."""

    dataset: Dataset
    request: SearchRequest
    ranked: list[Candidate]
    rungs: list[Rung]  # in order of preference

    def ladder(self, best: Rung, progress: Progress) -> Ladder:
        """The rungs worth showing from the smallest to the largest, `best` the chosen one, and what
        each of its sensors is worth.
        """
        progress("measuring each sensor's contribution")
        shown = worth_showing(self.rungs, best, self.request.budget, self.dataset)
        return Ladder(
            tuple(shown),
            next(k for k, rung in enumerate(shown) if rung is best),
            self.request.board.pio_id,
            sensor_worth(self.dataset, best.model, self.ranked),
            self.request.budget,
        )


def find_ladder(
    dataset: Dataset,
    request: SearchRequest,
    progress: Progress | None = None,
    dask: str | None = None,
) -> Ladder:
    """The ladder of a data set on a board. UsageError where no finalist fits the budget.

    The chosen model is the best one within the budget; without a budget, the smallest that is as
    good as the best. Where mistakes of the alarm have a price, its thresholds are learned, for each
    rung from its answers in the folds. dask: address of a Dask scheduler whose workers
    cross-validate; without it this machine does.
    """
    say = progress or (lambda text: None)
    found = searched(dataset, request, say, dask)
    return found.ladder(choose(found.rungs, request.budget, dataset), say)


def searched(
    dataset: Dataset,
    request: SearchRequest,
    say: Progress = lambda text: None,
    dask: str | None = None,
) -> Searched:
    """The finalists of a data set, measured; none is chosen."""
    with cluster(dask):
        limits = request.budget.flash_bytes, request.budget.cycles, request.unlimited
        ranked = rank(dataset, request.family, say, *limits)
    return Searched(dataset, request, ranked, measured(dataset, request, ranked, say))


def find_best(
    dataset: Dataset,
    request: SearchRequest,
    ranked: list[Candidate],
    progress: Progress = lambda text: None,
    option: str = OPTION,
) -> tuple[list[Rung], Rung]:
    """The rungs of ranked candidates and the chosen one of them. option: what the user calls a
    limit of the budget.
    """
    rungs = measured(dataset, request, ranked, progress)
    return rungs, choose(rungs, request.budget, dataset, option)


def measured(
    dataset: Dataset, request: SearchRequest, ranked: list[Candidate], progress: Progress
) -> list[Rung]:
    """The rungs of ranked candidates, one or more."""
    rungs = Finalists(dataset, request, ranked, progress).measure()
    if not rungs and request.scores:
        raise QuantizeError(_no_scores(request))
    if not rungs:
        raise QuantizeError(
            f"no candidate of family {request.family} can be bounded in 32 bits: "
            "narrow the input ranges"
        )
    return rungs


def _no_scores(request: SearchRequest) -> str:
    """Why no candidate is left where scores are asked for."""
    if request.reject is None or request.family == "tree":
        return (
            f"no candidate of family {request.family} compares scores, a tree does not: use "
            "logistic, mlp_classifier or forest"
        )
    return (
        f"no candidate of family {request.family} has scores by which at most "
        f"{request.reject:.2%} of the answers are wrong: use a larger rate, or more rows"
    )


def thinning_notes(family: str, dataset: Dataset) -> tuple[str, ...]:
    """A line for each family that searches a fit on part of the training rows."""
    rows = len(dataset.train)
    return tuple(
        f"{f.title}: trained on {f.most_rows:,} of {rows:,} training rows, finished on all"
        for f in families(family, dataset)
        if f.most_rows is not None and f.most_rows < rows
    )
