"""Converted models on the simulated chip, each on all its rows: for the release programme."""

from dataclasses import replace

import numpy as np

from tinygen.common.boards import BOARDS
from tinygen.common.errors import DoesNotFit
from tinygen.target.bare import BareChip

MEGA = BOARDS["megaatmega2560"]
TOO_LARGE = 0.05  # part of the models that may be beyond the largest board


def wrong_on_chip(models, rows) -> list[str]:
    """Place and family of the models that answer one of their raw rows otherwise than the twin."""
    wrong, large = [], 0
    for place, (named, some) in enumerate(zip(models, rows)):
        model = replace(named, name=f"m{place}")
        try:
            with BareChip(model, MEGA, timed=False) as chip:
                if not np.array_equal(chip.predict(some), model.predict(some)):
                    wrong.append(f"{place}: {model.family}")
        except DoesNotFit:
            large += 1
    assert large <= TOO_LARGE * len(models)
    return wrong
