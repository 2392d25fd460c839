"""Training on recordings: what `tinygen train --window` does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.boards import find_board
from ..common.errors import UsageError
from ..common.files import ladder_path, require_apart, require_file_place
from ..common.progress import Progress, silent
from ._limits import NumberRange
from ._options import NAME_WIDTH, name_from, name_notes
from ._recordings import RecordingSelection, for_rows
from ._show import of_model

if TYPE_CHECKING:
    from ..data.recordings import Recordings
    from ..model.signals import SignalModel
    from ..search.signals import SignalLadder
    from ..search.signals.guard import SignalGuard
    from ..target.build import Budget

MOST_LOAD = 50.0  # per cent of the processor's time


def votes_option(words: str):
    """--votes; `words` say of what."""
    return click.option(
        "--votes", type=click.IntRange(1, 15), metavar="N", help=f"Recordings: {words}"
    )


def signal_options(function):
    """Adds --max-load and --votes."""
    load = click.option(
        "--max-load",
        type=NumberRange(1, 100),
        metavar="PERCENT",
        help=f"Recordings: most of the processor's time; default: {MOST_LOAD:g}.",
    )
    return load(votes_option("answers that decide together; default: chosen.")(function))


@dataclass(frozen=True)
class SignalTraining:
    """Which recordings train what, for which chip, and where to put it."""

    recordings: RecordingSelection
    out: Path
    family: str = "auto"
    name: str | None = None
    board: str = "uno"
    budget: Budget | None = None
    max_load: float = MOST_LOAD  # per cent
    votes: int | None = None


@dataclass(frozen=True)
class TrainedSignals:
    """A model of signals just trained and saved."""

    path: Path
    ladder: SignalLadder
    notes: tuple[str, ...]

    @property
    def model(self) -> SignalModel:
        return self.ladder.model

    def text(self) -> str:
        """Model, windows, errors, what they compare with, and the ladder."""
        from ..report import signals as words

        model = self.model
        lines = [
            *(f"note: {note}" for note in self.notes),
            f"model    {self.path}: {model.family}, classes {', '.join(model.labels)}",
            *words.described(model),
            *words.class_figures(model),
            *words.wrong_recordings(model),
        ]
        parts = ["\n".join(lines), words.confusion(model), words.signal_ladder_text(self.ladder)]
        return "\n\n".join(parts)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        model = self.model
        return {
            **of_model(self.path, model),
            "labels": list(model.labels),
            "rate_hz": model.rate_hz,
            "window_samples": model.front.window,
            "hop_samples": model.front.hop,
            "votes": model.votes,
            "lead": model.lead,
            "latency_s": model.latency_s,
            "features": list(model.front.feature_names(model.channels, model.rate_hz)),
            "cost": asdict(self.ladder.rung.cost),
            "figures": model.training["signals"],
            "notes": list(self.notes),
            "ladder": [
                {
                    "chosen": k == self.ladder.chosen,
                    "family": rung.model.family,
                    "features": len(rung.model.front.features),
                    "channels": len(rung.model.used_channels),
                    "votes": rung.model.votes,
                    "lead": rung.model.lead,
                    "latency_s": rung.model.latency_s,
                    "error_in_folds": rung.error,
                    **asdict(rung.cost),
                }
                for k, rung in enumerate(self.ladder.rungs)
            ],
        }


def train_signals(request: SignalTraining, progress: Progress = silent) -> TrainedSignals:
    """Trains on recordings and saves the model and its ladder; nothing is written unless
    everything went well.
    """
    from ..search.signals import SignalRequest, find_signal_ladder, save_signal_ladder
    from ..search.signals.figures import comparisons_of, figures_of
    from ..search.signals.find import class_quantity
    from ..target.build import Budget

    _require_places(request)
    name = _name_of(request)
    progress("reading the recordings")
    recordings, spec = request.recordings.load()
    wanted = SignalRequest(
        name,
        find_board(request.board),
        spec,
        request.family,
        request.budget or Budget(),
        request.max_load / 100,
        request.votes,
        request.recordings.seed,
    )
    target = class_quantity(recordings, request.recordings.target)
    ladder, rows = find_signal_ladder(recordings, target, wanted, progress)
    progress("judging it on the recordings that test")
    told = [figures_of(recordings, *one, wanted.board) for one in zip(rows, ladder.rungs)]
    told[ladder.chosen] |= comparisons_of(rows[ladder.chosen], ladder.rung, wanted.seed)
    missing = list(recordings.provenance.missing)
    asked = request.recordings.asked
    ladder = ladder.with_facts([{"signals": t, "missing": missing, "asked": asked} for t in told])
    ladder.model.save(request.out)
    save_signal_ladder(ladder, ladder_path(request.out))
    return TrainedSignals(request.out, ladder, _notes(request, recordings))


def _notes(request: SignalTraining | GuardTraining, recordings: Recordings) -> tuple[str, ...]:
    """What must be known of the model's name and of the recordings."""
    told = (finding.line for finding in recordings.findings)
    named = name_notes(request.name, request.out, signal_name(request.out))
    notes = (*named, *recordings.notes, *told)
    return tuple(dict.fromkeys(notes))


def signal_name(out: Path) -> str:
    """A C prefix made from the name of a model file, short enough for that of its window's
    model.
    """
    return name_from(out)[: _longest_name()]


def _longest_name() -> int:
    from ..model.signals.signal_model import WINDOW_SUFFIX

    return NAME_WIDTH - len(WINDOW_SUFFIX)


def _name_of(request: SignalTraining | GuardTraining) -> str:
    """The model's C prefix; an error in one line for a name that cannot be one."""
    from ..codegen.emit import check_prefix
    from ..model.parts import check_name

    name = check_prefix(check_name(request.name or signal_name(request.out)))
    if len(name) > _longest_name():
        raise UsageError(
            f"--name {name} has {len(name)} characters, a model of signals takes "
            f"{_longest_name()}: its parts have longer names; give a shorter one"
        )
    return name


def _require_places(request: SignalTraining | GuardTraining) -> None:
    """UsageError where model and ladder cannot be written, or would replace a recording."""
    require_file_place(request.out)
    written = (request.out, ladder_path(request.out))
    for source in request.recordings.sources:
        require_apart({"CSV": source}, {"-o": written})
    require_file_place(written[1])


ROW_OPTIONS = (
    *("threshold", "alarm_below", "robust", "balance", "alarm_cost", "max_inputs"),
    *("optimize", "dask", "scores", "reject", "error_bars"),
)


def signal_training(
    windows: dict[str, Any], max_load: float | None, votes: int | None, options: dict[str, Any]
) -> SignalTraining:
    """What the options of `train` ask for; UsageError for one that is for rows."""
    for name in ROW_OPTIONS:
        if options[name]:
            raise for_rows(f"--{name.replace('_', '-')}")
    rows = options["rows"]
    names = ("out", "family", "name", "board", "budget")
    return SignalTraining(
        RecordingSelection.of(rows, windows, rows.target),
        **{name: options[name] for name in names},
        max_load=max_load or MOST_LOAD,
        votes=votes,
    )


# ---- a guard ----


@dataclass(frozen=True)
class GuardTraining:
    """Which recordings are usual, and where to put their guard."""

    recordings: RecordingSelection
    out: Path
    normal: tuple[str, ...] = ()  # labels of the usual ones; (): all are
    family: str = "mahalanobis"
    alarms_per_day: float = 1.0
    votes: int | None = None
    name: str | None = None
    board: str = "uno"


@dataclass(frozen=True)
class GuardedSignals:
    """A guard of signals just fitted and saved."""

    path: Path
    found: SignalGuard
    notes: tuple[str, ...]

    @property
    def model(self) -> SignalModel:
        return self.found.model

    def text(self) -> str:
        """The guard, its windows, its alarms on all recordings, and its cost."""
        from ..report import signals as words

        return "\n".join(
            [
                *(f"note: {note}" for note in self.notes),
                f"guard    {self.path}: {self.model.family}",
                *words.described(self.model),
                *words.guard_figures(self.model),
                f"cost     on {self.found.board}: {self.found.cost.words}",
            ]
        )

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **of_model(self.path, self.model),
            "threshold": self.model.threshold,
            "votes": self.model.votes,
            "features": list(
                self.model.front.feature_names(self.model.channels, self.model.rate_hz)
            ),
            "figures": self.model.training["signals"],
            "cost": asdict(self.found.cost),
            "board": self.found.board,
            "notes": list(self.notes),
        }


def guard_signals(request: GuardTraining, progress: Progress = silent) -> GuardedSignals:
    """Fits a guard to recordings and saves it; nothing is written unless everything went well."""
    from ..search.signals.guard import GuardRequest, find_signal_guard

    _require_places(request)
    name = _name_of(request)
    progress("reading the recordings")
    recordings, spec = request.recordings.load(labelled=False)
    unknown = set(request.normal) - {one.label for one in recordings.recordings}
    if unknown:
        labels = ", ".join(sorted({one.label for one in recordings.recordings})) or "none"
        raise UsageError(f"--normal {min(unknown)}: the recordings have the labels {labels}")
    normal = [
        k
        for k in recordings.train
        if not request.normal or recordings.recordings[k].label in request.normal
    ]
    wanted = GuardRequest(
        name,
        find_board(request.board),
        spec,
        request.family,
        request.alarms_per_day,
        request.votes or 3,
    )
    progress("fitting and measuring")
    found = find_signal_guard(recordings, normal, wanted)
    asked = {**request.recordings.asked, "labelled": False}
    found = replace(found, model=found.model.with_facts(asked=asked))
    found.model.save(request.out)
    return GuardedSignals(request.out, found, _notes(request, recordings))


def guard_training(
    windows: dict[str, Any], target: str, asked: dict[str, Any], options: dict[str, Any]
) -> GuardTraining:
    """What the options of `guard` ask for."""
    if options["alarms"] is not None:
        raise for_rows("--alarms")
    names = ("out", "family", "name", "board")
    selection = RecordingSelection.of(options["rows"], windows, target)
    return GuardTraining(selection, **{name: options[name] for name in names}, **asked)
