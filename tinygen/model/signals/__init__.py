"""From a sensor's samples to a decision, in integers: the twin of what the chip computes.

A sample of every channel comes at a fixed rate. It passes through *streams*, each of which makes
one number of it and of its own past. *Accumulators* add these numbers up over a pane; a window is
the last few panes. When a window ends, *features* are worked out from the accumulators, a `Model`
answers the row of features, and the last few answers vote for the decision.

    streams.py       one number per sample: change, size, magnitude, delay, crossing, turn, ...
    filters.py       the same with a long memory: level, ripple, robust level, band
    accumulators.py  what is kept of a pane
    features.py      one number per window: mean, rms, deviation, range, trend, ...
    pairs.py         the same of two streams: correlation, likeness
    spectrum.py      the same of a bank of bands: the strongest one, and the centroid
    front_end.py     which of them there are, and the row of features of every window
    signal_model.py  the front end, the model of a window, the vote; and its JSON file

Whatever the samples are, no intermediate leaves its type: `bounds` of every part proves it.
"""

from . import filters, pairs, spectrum  # noqa: F401 (they fill the registries)
from .features import FEATURES, Feature
from .front_end import FrontEnd, Windows
from .signal_model import NO_ANSWER, SignalModel
from .streams import STREAMS, Stream

__all__ = [
    "FEATURES",
    "NO_ANSWER",
    "STREAMS",
    "Feature",
    "FrontEnd",
    "SignalModel",
    "Stream",
    "Windows",
]
