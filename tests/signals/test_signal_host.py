"""A model of signals as C on the host answers what the twin answers: features, windows, decisions,
bit for bit; and its memory comes back to where it was, so that no counter can wrap.
"""

import subprocess
from math import lcm

import numpy as np
import pytest
from host_c import SANITIZE
from signal_host import compile_signals, compile_texts, main_of, of_host, of_twin, texts
from signal_models import (
    LONGEST,
    OF_A_SOURCE,
    PLANS,
    front_end,
    model_of,
    recording,
    shapes,
    signal_models,
)

from tinygen.model.signals import FEATURES, NO_ANSWER, STREAMS

SAMPLES = {"commit": 5000, "release": 110_000}  # of each model: at release 1,000,000 in all
QUICK = ["-O0", *SANITIZE[1:]]
RAILS = ("square of 50", "high rail", "low rail", "full scale", "square of 1", "saw")


def test_every_kind_has_a_case():
    models = signal_models().values()
    assert set(OF_A_SOURCE) | {"magnitude"} == set(STREAMS)
    assert {s.kind for m in models for s in m.front.streams} == set(STREAMS)
    assert {f.kind for m in models for f in m.front.features} == set(FEATURES)


def recordings(front, samples: int) -> np.ndarray:
    """So many samples and a few more."""
    parts = [recording(front, 20, 5)]
    while sum(map(len, parts)) < samples:
        parts.append(recording(front, 20, 5 + len(parts)))
    return np.concatenate(parts)


@pytest.mark.parametrize("name", PLANS)
def test_host_c_equals_the_twin_on_every_sample(name, tmp_path, level, figures):
    model = signal_models()[name]
    samples = recordings(model.front, SAMPLES[level])
    twin = of_twin(model, samples)
    assert len(set(twin.results.tolist())) > 2
    language = "c++11" if name == "narrow" else "c99"
    program = compile_signals(model, tmp_path, language, QUICK if level == "commit" else SANITIZE)
    assert not of_host(program, model, samples).differences(twin)
    figures(f"signals, {name}", f"{len(samples):,} samples, {len(twin.ends):,} windows as the twin")


def test_the_longest_window_at_full_scale(tmp_path, level, figures):
    """Sums of 32764 samples: they come near the bounds of the proof."""
    model = longest_model({*STREAMS} if level == "release" else {"coarse", "change", "size"})
    length = model.front.window + model.front.hop
    made = shapes(model.front.limits, length, np.random.default_rng(2))
    samples = np.concatenate([made[shape] for shape in RAILS[: 6 if level == "release" else 1]])
    twin = of_twin(model, samples)
    assert not of_host(compile_signals(model, tmp_path, flags=QUICK), model, samples).differences(
        twin
    )
    figures("signals, longest window", f"{len(samples):,} samples, {len(twin.ends)} windows")


def longest_model(kinds):
    """With features of channels, and of streams of these kinds."""
    ranges, pane, panes, stride, votes, classes = LONGEST
    front = front_end(ranges, pane, panes, stride)
    keep = [k for k in range(len(front.features)) if streams_of(front.only([k])) <= kinds]
    return model_of("longest", ranges, front.only(keep), votes, classes)


def streams_of(front) -> set[str]:
    return {one.kind for one in front.streams}


# ---- no counter can wrap: the memory of a periodic input is periodic ----

STATE = r"""
#include <stdio.h>
#include "NAME.h"
int main(void)
{
    int16_t x[UPPER_CHANNELS];
    uint32_t n = 0;
    NAME_start();
    while (fread(x, sizeof x, 1, stdin) == 1) {
        NAME_push(x);
        if (++n % PERIOD == 0)
            fwrite(&NAME_state, sizeof NAME_state, 1, stdout);
    }
    return 0;
}
"""


def recurs(model, folder, change=lambda text: text) -> bool:
    """True where a square wave without end brings the memory back to what it was, byte for byte.

    What comes after depends on the memory and the samples only: it goes on so for ever, also
    beyond 2**32 samples.
    """
    front = model.front
    lags = [s.lag for s in front.streams if s.kind == "delay"]
    period = 2 * lcm(front.hop, front.window, front.hop * model.votes, *lags)
    low, high = np.array(front.limits).T
    times = -(-300_000 // period) + 2
    wave = np.where((np.arange(period * times) % 2)[:, None], low, high)
    files = texts(model)
    files[f"{model.name}.h"] = change(files[f"{model.name}.h"])
    main = main_of(model, STATE).replace("PERIOD", f"{period}u")
    program = compile_texts(files, main, folder, flags=["-O1"])
    found = subprocess.run([program], input=wave.astype("<i2").tobytes(), capture_output=True)
    size = len(found.stdout) // times
    return found.stdout[-size:] == found.stdout[-2 * size : -size]


@pytest.mark.parametrize("name", ["wide", "one_sided"])
def test_no_counter_grows_for_ever(name, tmp_path):
    assert recurs(signal_models()[name], tmp_path)


def test_a_counter_that_grows_for_ever_is_seen(tmp_path):
    def counting(text: str) -> str:
        field = "    uint8_t running;"
        assert field in text and "++s->samples" in text
        text = text.replace(field, f"    uint32_t seen;\n{field}")
        return text.replace("++s->samples", "(++s->seen, ++s->samples)")

    assert not recurs(signal_models()["wide"], tmp_path, counting)


@pytest.mark.parametrize("name", PLANS)
def test_too_few_samples_give_no_answer(name):
    model = signal_models()[name]
    for samples in (0, 1, model.front.window - 1):
        found = of_twin(model, np.zeros((samples, len(model.channels)), np.int64))
        assert len(found.ends) == 0 and (found.results == NO_ANSWER).all()
    lost = np.full((3 * model.front.window, len(model.channels)), NO_ANSWER)
    assert (model.predict(lost) == NO_ANSWER).all()
