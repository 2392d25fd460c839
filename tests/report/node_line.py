"""The page's own JavaScript in node, at the serial line of a virtual board: what a browser does at
a port, without one and in simulated time.
"""

import json
import shutil
import subprocess
from pathlib import Path

from needs import unavailable
from tinygen.host.virtual.simavr import SimBoard

SCRIPT = Path(__file__).with_name("simulated_line.mjs")
SETTLE_MS = 50  # between the reset and the first byte, as in line.js


def cycles(sim: SimBoard, ms: float) -> int:
    """At least one: a wait that takes no time would be asked for again and again."""
    return max(1, int(sim.board.f_cpu_hz * ms / 1000))


def obey(sim: SimBoard, task: dict, order: str, *words):
    """What the script's line asks of the board, and the answer."""
    if order == "task":
        return task
    if order == "open":  # which pulls DTR, as every system does
        (sim.baud,) = words
        sim.reset()
    elif order == "reset":
        sim.reset()
        sim.run(cycles(sim, SETTLE_MS))
        sim.discard_input()
    elif order == "write":
        sim.write(bytes(words[0]))
    elif order == "run":
        sim.run(cycles(sim, words[0]))
        return list(sim.read())
    elif order == "wait":
        count, ms = words
        before = sim.cycle
        heard = sim.read(count, cycles(sim, ms))
        return [list(heard), (sim.cycle - before) * 1000 / sim.board.f_cpu_hz]
    else:
        raise AssertionError(order)
    return None


def node(sim: SimBoard, **task) -> tuple[str, object]:
    """("done", result) or ("trouble", the line that the page would show)."""
    if not (program := shutil.which("node")):
        unavailable("no node: apt-get install nodejs")
    with subprocess.Popen(
        [program, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            order, *words = json.loads(line)
            if order in ("done", "trouble", "bug"):
                return order, words[0]
            process.stdin.write(json.dumps(obey(sim, task, order, *words)) + "\n")
            process.stdin.flush()
    raise AssertionError(f"node ended with {process.returncode}")
