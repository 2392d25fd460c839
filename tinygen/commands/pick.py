"""`tinygen pick`: another model of a ladder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common.errors import UsageError, show
from ..common.files import ladder_path, require_file_place
from ._made import manifested
from ._options import FILE, model_out
from ._show import shows
from ._signals import TrainedSignals
from ._trained import TrainedModel, TrainedOutputs

if TYPE_CHECKING:
    from ..search.ladder import Ladder
    from ..search.signals import SignalLadder


def pick(
    ladder: Path, number: int, out: Path, target: str | None = None
) -> TrainedModel | TrainedOutputs | TrainedSignals:
    """Takes another rung of a ladder as the model; the ladder is kept beside it as well. target:
    whose ladder it is, where there are several.
    """
    from ..search.ladder import load_ladders, pick_rung, save_ladders
    from ..search.signals import load_signal_ladder

    require_file_place(out)
    if signals := load_signal_ladder(ladder):
        if target is not None:
            raise UsageError("--target is for several outputs, a model of signals has one")
        return _picked_signals(signals, number, out)
    ladders = load_ladders(ladder)
    found = _ladder_for(ladders, target)
    sensors = found.sensors if number - 1 == found.chosen else ()
    model = pick_rung(found, number)
    picked = replace(found, chosen=number - 1, sensors=sensors)
    if len(ladders) == 1:
        model.save(out)
        save_ladders((picked,), ladder_path(out))
        return TrainedModel(out, model, (), picked)
    from ..search.several import Joined

    joined = Joined.of(tuple(picked if one is found else one for one in ladders))
    joined.model.save(out)
    save_ladders(joined.ladders, ladder_path(out))
    return TrainedOutputs(out, joined)


def _picked_signals(ladder: SignalLadder, number: int, out: Path) -> TrainedSignals:
    from ..search.signals import save_signal_ladder

    picked = ladder.picked(number)
    picked.model.save(out)
    save_signal_ladder(picked, ladder_path(out))
    return TrainedSignals(out, picked, ())


def _ladder_for(ladders: tuple[Ladder, ...], target: str | None) -> Ladder:
    """The ladder of a target, or the only one; UsageError where that is not said."""
    by_name = {ladder.model.output.name: ladder for ladder in ladders}
    if target in by_name:
        return by_name[target]
    if target is None and len(ladders) == 1:
        return ladders[0]
    said = "no --target says whose rung" if target is None else f"there is no target {show(target)}"
    raise UsageError(f"{said}: one of {', '.join(map(show, by_name))}")


@click.command("pick")
@click.argument("ladder", type=FILE, metavar="MODEL.search.json")
@click.argument("number", type=int, metavar="N")
@click.option(
    "--target", metavar="COL", help="Output whose ladder is meant, where the model has several."
)
@model_out
@shows
@manifested
def command(ladder, number, out, target):
    """Take another model of the ladder that `train` found.

    N is its number in the printed ladder; MODEL.search.json is the file that `train` wrote beside
    the model.

    \b
    Example:
      tinygen pick benzene.search.json 7 -o smaller.json
    """
    return pick(ladder, number, out, target)
