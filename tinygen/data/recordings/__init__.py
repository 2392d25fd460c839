"""Raw recordings of sensors as data: which there are, their rate, which train and which test.

load_recordings(RecordingRequest(path, target="activity")) -> Recordings
window_spec("2s", "0.5s", recordings.rate_hz) -> WindowSpec
with_windows(recordings, spec) -> Recordings    those that hold a window

recording.py  what is handed on        request.py  what is asked for
files.py      paths to a table         clock.py    a time column to seconds
cutting.py    a table to recordings    rate.py     rate, jitter, lost samples
sides.py      train, test, folds       windows.py  durations to samples
checks.py     what to know before training
"""

from .loading import load_recordings
from .of_model import samples_for
from .recording import Recording, Recordings
from .request import RecordingRequest
from .windows import WindowSpec, parse_duration, window_spec, with_windows

__all__ = [
    "Recording",
    "RecordingRequest",
    "Recordings",
    "WindowSpec",
    "load_recordings",
    "parse_duration",
    "samples_for",
    "window_spec",
    "with_windows",
]
