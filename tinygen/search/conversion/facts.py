"""The verdict on a conversion as a model file keeps it."""

from __future__ import annotations

from dataclasses import asdict

from ...common.boards import BOARDS
from ...common.errors import ModelError
from ...common.tables import six_digits
from ...model.model import Model
from ...target.bare import ModelCost
from .judge import Conversion, Decisions, Row
from .words import conversion_sentence


def conversion_facts(v: Conversion) -> dict:
    """The verdict as plain JSON, numbers to six significant digits: what the model file keeps."""
    return {
        "board": v.board.pio_id,
        "optimize": v.model.optimize,
        "rows": v.rows,
        "float_error": six_digits(v.float_error),
        "integer_error": six_digits(v.integer_error),
        "difference": six_digits(v.integer_error - v.float_error),
        "loss": six_digits(v.loss),
        "margin": six_digits(v.margin),
        "differing": v.differing,
        "worst": None
        if v.worst is None
        else {
            **asdict(v.worst),
            "inputs": {name: six_digits(value) for name, value in v.worst.inputs},
        },
        "alarms": None if v.alarms is None else asdict(v.alarms),
        "integer": v.integer_cost.plain(),
        "float": None if v.float_cost is None else v.float_cost.plain(),
        "float_gap": v.float_gap,
        "smaller": None if v.float_cost is None else six_digits(v.smaller),
        "faster": None if v.float_cost is None else six_digits(v.faster),
        "sentence": conversion_sentence(v),
        **({"imported": True, "own_spread": v.own_spread} if v.imported else {}),
    }


def read_conversion(model: Model) -> Conversion | None:
    """The verdict that a model file keeps, or None where none was given (a rung that `pick`
    took).
    """
    plain = model.training.get("verdict")
    if plain is None:
        return None
    try:
        worst = plain["worst"] and Row(
            **{**plain["worst"], "inputs": tuple(plain["worst"]["inputs"].items())}
        )
        return Conversion(
            model,
            BOARDS[plain["board"]],
            plain["rows"],
            plain["float_error"],
            plain["integer_error"],
            plain["differing"],
            worst,
            plain["alarms"] and Decisions(**plain["alarms"]),
            ModelCost(**plain["integer"]),
            plain["float"] and ModelCost(**plain["float"]),
            plain["float_gap"],
            plain.get("margin", 0.0),
            plain.get("own_spread"),
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"the verdict in the model file is not as tinygen writes it ({error}): train it again"
        ) from None
