"""Things that one process at a time may use: a serial port, a folder that is built in."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from pathlib import Path

from .errors import LinkError

LOCK_SECONDS = 120.0  # that another process may keep the port or the folder


class Lock:
    """A file that only one process at a time may hold; it is left behind, empty, for the next
    one.
    """

    def __init__(self, what: str, folder: Path | None = None) -> None:
        name = f"tinygen-{hashlib.sha256(os.path.realpath(what).encode()).hexdigest()[:16]}.lock"
        self.what, self.path = what, (folder or Path(tempfile.gettempdir())) / name
        self._file: int | None = None

    def __enter__(self) -> Lock:
        import fcntl  # not on Windows

        self._file = os.open(
            self.path, os.O_RDWR | (0 if self.path.exists() else os.O_CREAT), 0o666
        )
        end = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "?"
                    self.__exit__()
                    raise LinkError(
                        f"{self.what} is held by another tinygen (process {holder}) since "
                        f"{LOCK_SECONDS:g} s: "
                        "wait for it or end it"
                    ) from None
                time.sleep(0.1)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            os.close(self._file)  # gives the lock back
            self._file = None
