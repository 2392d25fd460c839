"""The native firmware behind a real pseudo-terminal, in real time: for cables that are pulled and
programs that are killed.
"""

import ctypes
import os
import pty
import select
import threading
import time
import tty
from pathlib import Path

from native_board import NativeBoard


class PtyNative:
    """A board at `link`, a symbolic link to its pty, inside a `with` block. `unplug()` takes it
    away, `plug()` brings it back.

    Each plugging in is a new pty under a new name, and a reset, as with a cable.
    """

    def __init__(self, library: Path, link: Path) -> None:
        self.board = NativeBoard(library)
        self.link = link
        self.buffer = ctypes.create_string_buffer(1000)
        self.lock = threading.Lock()
        self.master = -1
        self.begun = time.monotonic()
        self.stopping = False
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "PtyNative":
        self.plug()
        self.thread.start()
        return self

    def __exit__(self, *error) -> None:
        self.stopping = True
        self.thread.join(5)
        self.unplug()

    def plug(self) -> None:
        """Plugs the cable in: a reset, and a new name behind the link."""
        with self.lock:
            self.master, slave = pty.openpty()
            tty.setraw(slave)
            new = self.link.with_name(self.link.name + ".new")
            new.symlink_to(os.ttyname(slave))
            new.replace(self.link)
            os.close(slave)
            self.board.boot(0.0)
            self.board.to_host.clear()

    def unplug(self) -> None:
        """Pulls the cable: the program on the other side loses its port."""
        with self.lock:
            if self.master >= 0:
                os.close(self.master)
                self.master = -1
                self.link.unlink(missing_ok=True)

    def _serve(self) -> None:
        while not self.stopping:
            with self.lock:
                if self.master >= 0 and select.select([self.master], [], [], 0)[0]:
                    self._exchange()
            time.sleep(0.0002)

    def _exchange(self) -> None:
        try:
            data = os.read(self.master, 100)
        except OSError:  # nobody has the port open
            time.sleep(0.002)
            return
        code = self.board.code
        code.board_run(data, len(data), int((time.monotonic() - self.begun) * 1000))
        while taken := code.board_take(self.buffer, 1000):
            os.write(self.master, self.buffer.raw[:taken])
