"""A model of signals on the simulated Uno answers what the twin answers: features, windows and
decisions, bit for bit.
"""

import numpy as np
from elftools.elf.elffile import ELFFile
from signal_models import PLANS, recording, small_models

from tinygen.common.boards import BOARDS
from tinygen.model.signals import FEATURES, STREAMS
from tinygen.target.bare import BareChip

UNO = BOARDS["uno"]
RAM_BYTES = 900  # that a model may take; the Uno has 2048
SAMPLES = {"commit": 400, "release": 8000}  # on each chip


class Features(BareChip):
    """A chip whose features are read after each block of rows, which is at most a hop."""

    def features(self) -> np.ndarray:
        with open(self.elf, "rb") as stream:
            (state,) = (
                ELFFile(stream)
                .get_section_by_name(".symtab")
                .get_symbol_by_name(f"{self.model.name}_state")
            )
        votes = self.model.votes
        tail = 2 + (2 * votes + 2 if votes > 1 else 0)  # no padding on an AVR
        count = 2 * len(self.model.front.features)
        at = (state["st_value"] & 0xFFFF) + state["st_size"] - tail - count
        return np.frombuffer(self._sim.read_memory(at, count), dtype="<i2").astype(np.int64)


def kinds(model) -> set[str]:
    return {one.kind for one in (*model.front.streams, *model.front.features)}


def covering(models: list) -> list:
    """Few of the models that together hold every kind which all of them hold."""
    seen: set[str] = set()
    found = []
    for model in sorted(models, key=lambda m: -len(kinds(m))):
        if not kinds(model) <= seen:
            seen |= kinds(model)
            found.append(model)
    return found


def test_the_uno_equals_the_twin_on_every_sample(simavr, level):
    models = [model for name in PLANS for model in small_models(name, RAM_BYTES)]
    models = covering(models) if level == "commit" else models
    assert set().union(*map(kinds, models)) == {*STREAMS, *FEATURES}
    for model in models:
        samples = recording(model.front, 8, 7)[: SAMPLES[level]]
        assert not wrong_on_chip(model, samples), model.name


def wrong_on_chip(model, samples) -> str:
    """Where the chip answers otherwise than the twin; empty where it does not."""
    (windows,) = model.windows([samples])
    results = model.predict(samples)
    with Features(model, UNO, timed=False) as chip:
        chip.block = min(chip.block, model.front.hop)
        for start in range(0, len(samples), chip.block):
            rows = samples[start : start + chip.block]
            if not np.array_equal(chip.predict(rows), results[start : start + len(rows)]):
                return f"decisions from sample {start}"
            last = np.searchsorted(windows.ends, start + len(rows)) - 1
            if last >= 0 and not np.array_equal(chip.features(), windows.features[last]):
                return f"features from sample {start}"
    return ""
