"""Several models in one firmware: which may go together, and the project of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from ... import __version__
from ...common.boards import Board, render_platformio_ini
from ...common.errors import UsageError
from ...common.files import Paths
from ...common.jinja import environment
from ...host.framing import INPUTS_BESIDE, MODELS_MAX, bound_to
from ...model.fixedpoint import NOT_SURE
from ...model.model import Model
from ...model.signals.any_model import AnyModel
from ..emit import NONE, write_all
from ..exporters.firmware import sources
from ..header import alarm_view, render_header

ANOTHER_NAME = "make one of them again with another --name"


@dataclass(frozen=True)
class Together:
    """A complete PlatformIO project for several models, in the order of their numbers."""

    directory: Path
    models: tuple[Model, ...]


def emit_together(
    models: Sequence[AnyModel],
    out_dir: Path,
    boards: Iterable[Board],
    inputs: Mapping[str, Paths] = NONE,
) -> Together:
    """Writes a self-contained PlatformIO project whose firmware answers for each of the models.
    inputs: as in `export`. UsageError where the models cannot be on one board.
    """
    checked = require_together(models)
    write_all(project(checked, boards), out_dir, inputs)
    return Together(Path(out_dir), checked)


def project(models: Sequence[Model], boards: Iterable[Board]) -> dict[str, str]:
    """The files of the project."""
    return {
        "platformio.ini": render_platformio_ini(tuple(boards), models=len(models)),
        **{f"include/{model.name}.h": render_header(model) for model in models},
        "include/tinygen_model.h": _table(models),
        **sources(),
    }


def _table(models: Sequence[Model]) -> str:
    """Text of tinygen_model.h: all that the fixed firmware knows of its models."""
    alarms = [(k, view) for k, model in enumerate(models) if (view := alarm_view(model))]
    both = [(m.alarm_below, m.threshold) for m in models]
    bands = [high - low for low, high in both if low is not None and high is not None]
    template = environment("c").get_template("tinygen_models.h.j2")
    return template.render(
        version=__version__,
        models=[
            {
                "name": model.name,
                "upper": model.name.upper(),
                "numbers": model.values_per_row,
                "class_leds": model.class_leds,
                "several": bool(model.more),
                "scores": model.scores,
                "sure_margin": model.sure_margin,
            }
            for model in models
        ],
        most_inputs=max(len(model.inputs) for model in models),
        most_values=max(model.values_per_row for model in models),
        class_leds=max(model.class_leds for model in models),
        alarms=alarms,
        unsure=[(k, models[k].name) for k, _ in alarms if models[k].bars],
        band=min(bands, default=None),
        not_sure=NOT_SURE,
    )


def require_together(models: Sequence[AnyModel]) -> tuple[Model, ...]:
    """The models, where one firmware can hold them; else UsageError, in one line."""
    if not 2 <= len(models) <= MODELS_MAX:
        raise UsageError(f"{len(models)} models for one board: 2 .. {MODELS_MAX} are possible")
    rows = []
    for model in models:
        if not isinstance(model, Model):
            raise UsageError(
                f"'{model.name}' is a model of signals, which has a firmware of its own: build it "
                "without another model"
            )
        if len(model.inputs) > INPUTS_BESIDE:
            raise UsageError(
                f"'{model.name}' has {len(model.inputs)} inputs: beside another model "
                f"{INPUTS_BESIDE} fit a frame; build it without one"
            )
        rows.append(model)
    for (first, one), (second, other) in combinations(enumerate(rows), 2):
        _require_apart(one, other)
        if bound_to(first, one.model_id) == bound_to(second, other.model_id):
            raise UsageError(
                f"a frame for '{one.name}' cannot be told from one for '{other.name}' by its check "
                f"sum, as for one pair in 65,536: {ANOTHER_NAME}"
            )
    return tuple(rows)


def _require_apart(one: Model, other: Model) -> None:
    """UsageError where two models are the same, or have a name in C in common."""
    if one.model_id == other.model_id:
        raise UsageError(f"the same model twice, '{one.name}': name each once")
    if one.name.upper() == other.name.upper():
        raise UsageError(f"two models are called '{one.name}' in C: {ANOTHER_NAME}")
    if common := sorted(_names(one) & _names(other)):
        raise UsageError(
            f"the headers of '{one.name}' and '{other.name}' both define {common[0]}: "
            f"{ANOTHER_NAME}"
        )


def _names(model: Model) -> set[str]:
    """The names in C that begin with the model's."""
    text = re.sub(r"/\*.*?\*/", "", render_header(model), flags=re.DOTALL)
    return set(re.findall(rf"\b(?:{model.name}|{model.name.upper()})_\w+", text))
