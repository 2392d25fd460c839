"""The best model for the bytes: candidates lowered to integers, compiled, simulated, and laid out
as a ladder.

What is chosen depends on training rows and on measured cost only. The test rows appear in the
ladder for the reader, never in the choice.
"""

from __future__ import annotations

from ..common.errors import QuantizeError
from ..data import Dataset
from .cross_validation import Candidate, rank
from .feature_selection import sensor_worth
from .finalists import Finalists, Progress, SearchRequest
from .ladder import BUDGET_OPTIONS, Ladder, Rung, choose
from .workers import cluster


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
    with cluster(dask):
        ranked = rank(dataset, request.family, say, request.budget.flash_bytes)
    rungs, best = find_best(dataset, request, ranked, say)
    say("measuring each sensor's contribution")
    ordered = sorted(rungs, key=lambda r: (r.cost.flash_bytes, r.error))
    return Ladder(
        tuple(ordered),
        ordered.index(best),
        request.board.pio_id,
        sensor_worth(dataset, best.model, ranked),
        request.budget,
    )


def find_best(
    dataset: Dataset,
    request: SearchRequest,
    ranked: list[Candidate],
    progress: Progress = lambda text: None,
    options: str = BUDGET_OPTIONS,
) -> tuple[list[Rung], Rung]:
    """The rungs of ranked candidates and the chosen one of them. options: what a user can raise
    where nothing fits the budget.
    """
    rungs = Finalists(dataset, request, ranked, progress).measure()
    if not rungs and request.scores:
        raise QuantizeError(_no_scores(request))
    if not rungs:
        raise QuantizeError(
            f"no candidate of family {request.family} can be bounded in 32 bits: "
            "narrow the input ranges"
        )
    return rungs, choose(rungs, request.budget, dataset, options)


def _no_scores(request: SearchRequest) -> str:
    """Why no candidate is left where scores are asked for."""
    if request.reject is None:
        return (
            f"no candidate of family {request.family} compares scores, a tree does not: use "
            "logistic, mlp_classifier or forest"
        )
    return (
        f"no candidate of family {request.family} has scores by which at most "
        f"{request.reject:.2%} of the answers are wrong: use a larger rate, more rows, or another "
        "family if it is tree"
    )
