"""The best model of signals for the bytes and cycles: features and the model of a window together.

    pool.py            all features that could be computed of the channels
    window_rows.py     recordings as rows of features, split by recording
    feature_choice.py  nested choices of features, ranked on recordings that were held back
    votes.py           how many answers should decide
    costs.py           what a model of signals takes on the chip, per sample and per window
    find.py            the search
    figures.py         what is told of a model: unseen recordings, comparisons, the leak
    ladder.py          what was measured, and its choice

Nothing here looks at a recording that tests before the choice is made.
"""

from .find import SignalRequest, find_signal_ladder
from .ladder import SignalLadder, SignalRung, load_signal_ladder, save_signal_ladder

__all__ = [
    "SignalLadder",
    "SignalRequest",
    "SignalRung",
    "find_signal_ladder",
    "load_signal_ladder",
    "save_signal_ladder",
]
