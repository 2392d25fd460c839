"""`tinygen train`: the best tiny integer model for the rows of a CSV file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common.boards import Board, find_board
from ..common.choices import GUARDS
from ..common.errors import UsageError
from ..common.files import ladder_path, require_apart, require_file_place
from ..common.progress import Progress, silent
from ._limits import (
    alarm_levels,
    budgeted,
    error_bars_option,
    max_inputs_option,
    reject_option,
    scores_option,
)
from ._made import STOPPED, manifested
from ._options import (
    Selection,
    among,
    board_option,
    members,
    model_out,
    name_from,
    name_notes,
    name_option,
    optimize_option,
    require_room,
)
from ._recordings import refuse_window_options, selected_rows_or_recordings
from ._show import progress, shows
from ._signals import signal_options, signal_training, train_signals
from ._spec import FromSpec
from ._trained import TrainedModel, TrainedOutputs

if TYPE_CHECKING:
    from ..data import Dataset, Table
    from ..model.alarm_threshold import AlarmCost
    from ..model.model import Model
    from ..search.finalists import SearchRequest
    from ..search.ladder import Ladder
    from ..target.build import Budget

FAMILIES = [name for name in members("families") if name not in GUARDS]
SKIPPED = (
    f"{STOPPED}: the model is saved, the verdict on its conversion and the baselines are left out"
)


@dataclass(frozen=True)
class TrainRequest:
    """What is to be trained, for which chip, and where to put it."""

    rows: Selection
    out: Path
    family: str = "auto"
    threshold: float | None = None  # alarm above this level, in the target's unit
    alarm_below: float | None = None  # alarm below this level
    name: str | None = None  # prefix of every C name; None: from `out`
    board: str = "uno"
    budget: Budget | None = None
    robust: bool = False  # rows are weighed by how far their target is from what the inputs tell
    balance: bool = False  # rare values of the target count more
    alarm_cost: str | None = None  # MISS:FALSE, what mistakes of the alarm cost
    max_inputs: int | None = None  # keep that many inputs, the most needed ones
    optimize: str | None = None  # what the C is written for; None: what the budget asks for
    dask: str | None = None  # scheduler whose workers cross-validate
    scores: bool = False  # classes: each answer carries the score of each class
    reject: float | None = None  # part of a classifier's answers that may be wrong
    error_bars: float | None = None  # part of the references that a number's bars should cover

    def cost_of_mistakes(self) -> AlarmCost | None:
        """The alarm's costs; UsageError where there is no alarm."""
        from ..model.alarm_threshold import AlarmCost

        cost = None if self.alarm_cost is None else AlarmCost.parse(self.alarm_cost)
        if cost and self.threshold is None and self.alarm_below is None:
            raise UsageError(
                "--alarm-cost moves the alarm's threshold: give the alarm level with --threshold "
                "or --alarm-below"
            )
        return cost

    def c_name(self) -> str:
        """The checked prefix of every C name."""
        from ..codegen.emit import check_prefix
        from ..model.parts import check_name

        return check_prefix(check_name(self.name or name_from(self.out)))


def train(request: TrainRequest, progress: Progress = silent) -> TrainedModel | TrainedOutputs:
    """Trains on a CSV file and saves the model; nothing is written unless everything went well.

    Ctrl-C after the search keeps the model and its ladder; a note says what was left out.
    """
    return (train_each if request.rows.beside else train_one)(request, progress)


def train_one(request: TrainRequest, progress: Progress = silent) -> TrainedModel:
    """The same for one target."""
    chip, name, cost = find_board(request.board), request.c_name(), request.cost_of_mistakes()
    dataset = rows_to_learn(request, progress)
    ladder = find_model(dataset, request, name, chip, cost, progress)
    return saved_and_judged(ladder, dataset, chip, request.out, progress)


def train_each(request: TrainRequest, progress: Progress = silent) -> TrainedOutputs:
    """The same for several targets: a search for each, joined to one model."""
    from ..search.several import Joined, find_ladders

    chip, name, cost = find_board(request.board), request.c_name(), request.cost_of_mistakes()
    datasets = rows_of_each(request, progress)
    wanted = search_request(datasets[0], request, name, chip, cost)
    notes = tuple(dict.fromkeys(note for dataset in datasets for note in dataset.notes))
    found = find_ladders(datasets, wanted, progress, request.dask)
    trained = TrainedOutputs(request.out, found, request.budget, notes)
    _save(found.model, found.ladders, request.out)
    told, verdicts = [], []
    try:
        for ladder, dataset in zip(found.ladders, datasets):
            ladder, lines = judged(ladder, dataset, chip, progress)
            told.append(ladder)
            verdicts.append(lines)
    except KeyboardInterrupt:
        return replace(trained, notes=(*notes, SKIPPED))
    found = Joined(tuple(told), found.cost)
    _save(found.model, found.ladders, request.out)
    return replace(trained, joined=found, verdicts=tuple(verdicts))


def rows_to_learn(request: TrainRequest, progress: Progress) -> Dataset:
    """The rows of a request, with notes on them; UsageError where its outputs cannot be written or
    its alarm makes no sense.
    """
    from ..search.feature_selection import most_needed

    _require_places(request)
    rows, most = request.rows.table(), request.max_inputs
    dataset = request.rows.dataset(rows)
    if most is not None and most != len(dataset.inputs):
        progress("ranking the inputs")
        kept = most_needed(dataset, most)
        # rows that lacked only what is left out now are complete
        dataset = request.rows.only(kept.names).dataset(rows)
        dataset = dataset.noted(kept.note(dataset))
    return _ready(dataset, rows, request, progress)


def rows_of_each(request: TrainRequest, progress: Progress) -> list[Dataset]:
    """The rows for each of several targets; UsageError also where one is no number."""
    _require_places(request)
    if request.max_inputs is not None:
        raise UsageError(
            "--max-inputs ranks the inputs for one target: name them with --inputs for several"
        )
    if request.error_bars is not None:
        raise UsageError(
            "--error-bars is for a model of one number: train a model for each target with them"
        )
    rows = request.rows.table()
    first, *others = (one.dataset(rows) for one in request.rows.each(rows))
    without = replace(request, threshold=None, alarm_below=None)  # the alarm is the first target's
    return [
        _ready(first, rows, request, progress),
        *(_ready(dataset, rows, without, progress) for dataset in others),
    ]


def _require_places(request: TrainRequest) -> None:
    """UsageError where model and ladder cannot be written, or would replace the rows."""
    require_file_place(request.out)  # first: a folder has no ladder beside it
    written = (request.out, ladder_path(request.out))
    require_apart({"CSV": request.rows.csv}, {"-o": written})
    require_file_place(written[1])


def _ready(dataset: Dataset, rows: Table, request: TrainRequest, progress: Progress) -> Dataset:
    """The rows with notes, findings and weights; UsageError where the request makes no sense."""
    from ..data.audit import high_findings
    from ..search.model_search import thinning_notes
    from ..search.quantization import alarm_notes, raw_band, require_bars, require_scores
    from ..search.sample_weights import weighed

    _require_alarm(dataset, request)
    require_scores(dataset, request.scores, request.reject)
    require_bars(dataset, request.error_bars)
    require_room(len(dataset.inputs), "--max-inputs keeps the most needed ones")
    dataset = dataset.noted(*name_notes(request.name, request.out))
    dataset = dataset.noted(*thinning_notes(request.family, dataset))
    if not dataset.labels:
        band = raw_band(dataset.target, request.threshold, request.alarm_below)
        dataset = dataset.noted(*alarm_notes(dataset, band))
    dataset = dataset.with_findings(high_findings(rows, dataset))
    return weighed(dataset, request.robust, request.balance, progress)


def _require_alarm(dataset: Dataset, request: TrainRequest) -> None:
    """UsageError where the alarm that is asked for makes no sense for classes."""
    if dataset.labels and request.alarm_below is not None:
        raise UsageError(
            f"--alarm-below is for a target of numbers, '{dataset.target.name}' has classes: "
            "leave it out, or use --threshold for the classes behind one"
        )
    if not dataset.labels or request.threshold is None:
        return
    if request.alarm_cost is not None:
        raise UsageError(
            f"--alarm-cost is for a target of numbers, '{dataset.target.name}' has classes: "
            "leave it out"
        )
    last = len(dataset.labels) - 2
    if not 0 <= request.threshold <= last:
        named = ", ".join(f"{k} {label}" for k, label in enumerate(dataset.labels))
        raise UsageError(
            f"--threshold {request.threshold:g} is no class with another above it: "
            f"the classes are {named}; use 0 .. {last}"
        )


def find_model(
    dataset: Dataset,
    request: TrainRequest,
    name: str,
    board: Board,
    cost: AlarmCost | None,
    progress: Progress,
) -> Ladder:
    """The ladder of integer models for a data set on the board's chip, one of them chosen within
    the budget.
    """
    from ..search.model_search import find_ladder

    wanted = search_request(dataset, request, name, board, cost)
    return find_ladder(dataset, wanted, progress, request.dask)


def search_request(
    dataset: Dataset, request: TrainRequest, name: str, board: Board, cost: AlarmCost | None
) -> SearchRequest:
    """What the search looks for; UsageError for an alarm beyond the target's range."""
    from ..search.finalists import SearchRequest
    from ..search.quantization import raw_band, require_bars
    from ..target.build import Budget

    raw_band(dataset.target, request.threshold, request.alarm_below)  # raises now, not later
    return SearchRequest(
        name,
        board,
        request.family,
        request.threshold,
        request.budget or Budget(),
        request.optimize,
        cost,
        request.alarm_below,
        request.scores or request.reject is not None,
        request.reject,
        error_bars=require_bars(dataset, request.error_bars),
    )


def saved_and_judged(
    ladder: Ladder,
    dataset: Dataset,
    board: Board,
    out: Path,
    progress: Progress,
) -> TrainedModel:
    """The chosen model, saved at once and again with what `judged` adds to it."""
    _save(ladder.model, (ladder,), out)
    try:
        found, lines = judged(ladder, dataset, board, progress)
    except KeyboardInterrupt:
        return TrainedModel(out, ladder.model, (*dataset.notes, SKIPPED), ladder)
    _save(found.model, (found,), out)
    return TrainedModel(out, found.model, dataset.notes, found, lines)


def _save(model: Model, ladders: tuple[Ladder, ...], out: Path) -> None:
    from ..search.ladder import save_ladders

    model.save(out)
    save_ladders(ladders, ladder_path(out))


def judged(
    ladder: Ladder, dataset: Dataset, board: Board, progress: Progress
) -> tuple[Ladder, tuple[str, ...]]:
    """The ladder with the verdict on its model's conversion among the model's facts, and with what
    it is compared with; the verdict's lines.
    """
    import numpy as np

    from ..search.comparators import compare
    from ..search.conversion import conversion_facts, conversion_lines, judge_conversion
    from ..target.proof import proof_lines, prove_answers

    rung = ladder.rungs[ladder.chosen]
    progress("measuring the conversion, and what simple and large models reach")
    result = judge_conversion(rung.model, dataset, np.array(rung.floats), board, rung.cost)
    proof = prove_answers(rung.model, board)
    told = replace(
        ladder.with_facts(verdict=conversion_facts(result), proof=proof),
        comparators=compare(dataset, rung.model.levels),
    )
    return told, (*conversion_lines(result), *proof_lines(proof, board))


def family_option(words: str):
    """--family: the name of a family, or auto."""
    return click.option(
        "--family",
        default="auto",
        shell_complete=among(["auto", *FAMILIES]),
        show_default=True,
        metavar="NAME",
        help=words,
    )


@click.command("train", cls=FromSpec)
@selected_rows_or_recordings
@family_option(f"Kind of model: auto (the best of all), {', '.join(FAMILIES)}.")
@alarm_levels("the target's unit")
@name_option
@board_option
@budgeted
@click.option(
    "--robust",
    is_flag=True,
    help="Weigh rows by how far their target is from what their inputs tell: "
    "against stuck or wrong references.",
)
@click.option(
    "--balance",
    is_flag=True,
    help="Let rare values of the target, such as the highest ones, count more.",
)
@click.option(
    "--alarm-cost",
    metavar="MISS:FALSE",
    help="What a missed and a false alarm cost, such as 5:1; "
    "the LED's threshold is learned for it.",
)
@max_inputs_option
@scores_option
@reject_option
@error_bars_option
@optimize_option
@click.option(
    "--dask", metavar="ADDRESS", help="Cross-validate on the workers of this Dask scheduler."
)
@signal_options
@model_out
@shows
@manifested
def command(windows, max_load, votes, **options):
    """Fit the best tiny integer model to rows or recordings.

    CSV may be several files of one kind, or a folder with one file per class. Rows with a missing
    value in a used column are left out. The family and its size are chosen on the training rows
    alone; the errors shown are those of the integer model on the test rows.

    Under a budget (--max-flash, --max-ram, --max-cycles) the models that fit count. Of those whose
    error in the folds is within 1 % of the best, the one with the least error on the training rows
    is taken. Without a budget it is the smallest that is as good, or worse by chance only.

    With --window the rows are samples of recordings: a folder of them, a file each, or one file in
    which the label, --recording or --group tells them apart. Features are computed on the chip,
    sample by sample, and no two windows of one recording are trained and tested both.

    \b
    Example:
      tinygen train AirQualityUCI.csv --target "C6H6(GT)" --threshold 15 -o benzene.json
      tinygen train recordings/ --window 1s -o motor.json
    """
    with progress() as say:
        if windows.get("window"):
            return train_signals(signal_training(windows, max_load, votes, options), say)
        refuse_window_options(windows | {"max-load": max_load, "votes": votes})
        if not options["rows"].target:
            raise click.UsageError("Missing option '--target'.")
        return train(TrainRequest(**options), say)
