"""`tinygen pick`: another model of a ladder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ..common.files import ladder_path, require_file_place
from ._options import FILE, model_out
from ._show import shows
from .train import TrainedModel


def pick(ladder: Path, number: int, out: Path) -> TrainedModel:
    """Takes another rung of a ladder as the model; the ladder is kept beside it as well."""
    from ..search.ladder import load_ladder, pick_rung, save_ladder

    require_file_place(out)
    found = load_ladder(ladder)
    model = pick_rung(found, number)
    model.save(out)
    sensors = found.sensors if number - 1 == found.chosen else ()
    picked = replace(found, chosen=number - 1, sensors=sensors)
    save_ladder(picked, ladder_path(out))
    return TrainedModel(out, model, (), picked)


@click.command("pick")
@click.argument("ladder", type=FILE, metavar="MODEL.search.json")
@click.argument("number", type=int, metavar="N")
@model_out
@shows
def command(ladder, number, out):
    """Take another model of the ladder that `train` found.

    N is its number in the printed ladder; MODEL.search.json is the file that `train` wrote beside
    the model.

    \b
    Example:
      tinygen pick benzene.search.json 3 -o smaller.json
    """
    return pick(ladder, number, out)
