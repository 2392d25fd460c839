"""`tinygen distil`: a large model teaches a tiny one, which is kept where that made it better."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import find_board
from ..common.choices import TEACHERS
from ..common.errors import UsageError
from ..common.progress import Progress, silent
from ..common.tables import table
from ._limits import alarm_levels, budgeted, max_inputs_option, trust_pickle_option
from ._made import manifested
from ._options import (
    FILE,
    board_option,
    model_out,
    name_option,
    optimize_option,
    selected_training,
)
from ._show import progress, shows
from ._spec import FromSpec
from ._trained import TrainedModel
from .train import (
    TrainRequest,
    family_option,
    rows_to_learn,
    saved_and_judged,
    search_request,
)

MODELS = ".skops", ".pkl", ".pickle", ".joblib"  # what a file of a teacher ends in

if TYPE_CHECKING:
    from ..search.distillation import Distilled, Teacher


@dataclass(frozen=True)
class DistilRequest:
    """Who teaches what, for which chip, and where to put it."""

    training: TrainRequest
    teacher: Path | None = None  # a model file
    kind: str | None = None  # without one: what is trained on the spot, one of TEACHERS
    as_fitted: bool = False  # the teacher never saw the rows
    trust_pickle: bool = False
    draws: int = 1  # rows drawn around each training row


@dataclass(frozen=True)
class DistilledModel:
    """The better one of a student and a plainly trained model, saved."""

    trained: TrainedModel
    distilled: Distilled

    def text(self) -> str:
        """The model, and how student, plainly trained model and teacher compare."""
        found, model = self.distilled, self.trained.model
        facts, classes = found.facts(), bool(model.labels)
        unit = "of the rows" if classes else model.output.unit
        rows = [
            [
                name + (" (kept)" if name == found.kept else ""),
                _error(facts[name]["error_in_folds"], classes),
                _error(facts[name]["error"], classes),
                ladder.rungs[ladder.chosen].cost.flash_bytes,
            ]
            for name, ladder in (("student", found.student), ("plain", found.plain))
        ]
        rows.append(["teacher", "-", _error(found.teacher_error, classes), "-"])
        head = ["", f"error in folds {unit}", f"on test rows {unit}", "flash"]
        return "\n\n".join([self.trained.text(), table(head, rows) + "\n" + self.verdict()])

    def verdict(self) -> str:
        """Which one is kept, and why."""
        if self.distilled.kept == "student":
            return (
                f"student of {self.distilled.teacher} kept: it is better on the held-out rows of "
                "the training folds"
            )
        return "plain model kept: the student is no better on the held-out rows of the folds"

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**self.trained.plain(), "distilled": self.distilled.facts()}


def _error(error: float | None, classes: bool) -> str:
    if error is None:
        return "-"
    return f"{error:.2%}" if classes else f"{error:.4g}"


def distil(request: DistilRequest, progress: Progress = silent) -> DistilledModel:
    """Distils and saves the better model; nothing is written unless everything went well."""
    from ..search.distillation import distilled

    asked = request.training
    chip, name = find_board(asked.board), asked.c_name()
    if asked.rows.beside:
        raise UsageError(
            f"{1 + len(asked.rows.beside)} targets are named, distil takes one: distil a model "
            "for each, or `tinygen train` one for all"
        )
    dataset = rows_to_learn(asked, progress)
    teacher = _teacher(request, bool(dataset.labels))
    wanted = search_request(dataset, asked, name, chip, None)
    found = distilled(dataset, teacher, wanted, request.draws, progress)
    trained = saved_and_judged(found.ladder, dataset, chip, asked.out, progress)
    return DistilledModel(trained, found)


def _teacher(request: DistilRequest, classes: bool) -> Teacher:
    """The teacher from its file, or the one that is trained on the spot."""
    from ..search.distillation import Teacher, own_teacher

    if request.teacher is None:
        return own_teacher(request.kind or "", classes, request.training.rows.seed)
    from ..importers.files import open_estimator

    opened = open_estimator(request.teacher, request.trust_pickle)
    return Teacher(request.teacher.name, opened, request.as_fitted)


def _teacher_and_rows(function):
    """Adds TEACHER and CSV, either of which may come from elsewhere: --teacher, the spec file."""

    @wraps(function)
    def command(teacher, csvs, kind, **options):
        source = click.get_current_context().get_parameter_source("csvs")
        if kind and options["as_fitted"]:
            raise UsageError(
                f"--as-fitted is for a TEACHER that is fitted, --teacher {kind} is not"
            )
        if kind and teacher and teacher.suffix in MODELS:
            raise UsageError(f"{teacher} and --teacher {kind} are two teachers: leave one out")
        if kind and teacher:  # all files are those of the rows
            named = csvs if source is click.core.ParameterSource.COMMANDLINE else ()
            teacher, csvs = None, (teacher, *named)
        if not csvs or not (kind or teacher):
            raise UsageError(
                "name a teacher and the rows: a model file and a CSV file, or a CSV file and "
                f"--teacher {' or '.join(TEACHERS)}"
            )
        return function(csvs=csvs, teacher=teacher, kind=kind, **options)

    command = click.argument("csvs", type=FILE, nargs=-1, metavar="CSV...")(command)
    return click.argument("teacher", type=FILE, required=False, metavar="[TEACHER]")(command)


@click.command("distil", cls=FromSpec)
@_teacher_and_rows
@selected_training
@click.option(
    "--teacher",
    "kind",
    type=click.Choice(TEACHERS),
    help="Train a large model of this kind on the spot, in place of TEACHER.",
)
@click.option(
    "--as-fitted",
    is_flag=True,
    help="TEACHER never saw these rows: take its answers as they are, do not fit it anew.",
)
@trust_pickle_option
@click.option(
    "--draws",
    type=click.IntRange(0, 20),
    default=1,
    show_default=True,
    metavar="N",
    help="Rows drawn around each training row for the teacher to answer.",
)
@family_option("Kind of the tiny model, as in `tinygen train`.")
@alarm_levels("the target's unit")
@name_option
@board_option
@budgeted
@max_inputs_option
@optimize_option
@model_out
@shows
@manifested
def command(teacher, kind, as_fitted, trust_pickle, draws, **training):
    """Let a large model teach a tiny one; keep what is better.

    TEACHER is a fitted scikit-learn model in a skops file. It is fitted anew to parts of the rows,
    so that it never labels a row it learned from. The student sees rows drawn around the data's as
    well. It is kept only if it beats the plainly trained model on rows that both never saw.

    \b
    Example:
      tinygen distil forest.skops AirQualityUCI.csv --target "C6H6(GT)" -o benzene.json
      tinygen distil AirQualityUCI.csv --teacher boosting --target "C6H6(GT)" -o benzene.json
    """
    asked = DistilRequest(TrainRequest(**training), teacher, kind, as_fitted, trust_pickle, draws)
    with progress() as say:
        return distil(asked, say)
