"""A virtual board behind a port of Web Serial: carries bytes between the page and the simulator, in
simulated time, so that a slow machine changes nothing.
"""

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from node_line import cycles
from tinygen.host.virtual.simavr import SimBoard

FAKE = Path(__file__).with_name("fake_serial.js").read_text(encoding="utf-8")
QUIET_MS = 0.5  # of silence end a burst of bytes
STEPS_MAX = 4_000


@contextmanager
def before_the_page(window, script: str):
    """The script runs before those of every page."""
    added = window.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        yield
    finally:
        window.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


class BrowserLine:
    """`forge(bytes) -> bytes` may change what the board sends; `watch(said)` is told every line."""

    def __init__(self, window, sim: SimBoard) -> None:
        self.window, self.sim = window, sim
        self.forge: Callable[[bytes], bytes] = lambda heard: heard
        self.watch: Callable[[str], None] = lambda said: None
        self.heard = b""
        self.held = True  # DTR
        self.lines: list[str] = []

    def step(self) -> dict:
        """One exchange, and the board's time until it has something to say or the page wakes up."""
        sim = self.sim
        now = sim.seconds * 1000
        seen = self.window.execute_async_script(
            "fake.exchange(...arguments)", list(self.forge(self.heard)), now
        )
        self.heard = b""
        for what, *words in seen["done"]:
            getattr(self, f"on_{what}")(*words)
        if not self.lines or self.lines[-1] != seen["said"]:
            self.lines.append(seen["said"])
            self.watch(seen["said"])
        self.heard = sim.read(1, cycles(sim, max(0.01, seen["wake"] - now)))
        while self.heard:
            sim.run(cycles(sim, QUIET_MS))
            if not (more := sim.read()):
                break
            self.heard += more
        return seen

    def until(self, done: Callable[[dict], bool]) -> dict:
        """What is seen as soon as `done(seen)`."""
        for _ in range(STEPS_MAX):
            if done(seen := self.step()):
                return seen
        raise AssertionError(f"no end: {seen}")

    def click(self, button: str = "real.button") -> None:
        self.window.execute_script(f"tinygen.panel.{button}.click()")

    def use(self) -> str:
        """Presses the button; the line that the panel says in the end."""
        self.click()
        self.step()
        return self.until(lambda seen: not seen["busy"])["said"]

    def play(self) -> str:
        """All rows; what the panel counts in the end."""
        self.window.execute_script("tinygen.panel.pace.value = 2; tinygen.panel.button.click()")
        return self.until(lambda seen: not seen["playing"])["tally"]

    # ---- what the page does to its port ----

    def on_open(self, baud: int) -> None:
        self.sim.baud = baud
        self.on_signals(False)
        self.on_signals(True)  # as every system does that opens a port

    def on_close(self) -> None:
        pass

    def on_signals(self, held: bool) -> None:
        if held and not self.held:
            self.sim.reset()
            self.sim.discard_output()
            self.sim.discard_input()
        self.held = held

    def on_write(self, content: list[int]) -> None:
        self.sim.write(bytes(content))
