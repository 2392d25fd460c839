"""One random bit of a register or of RAM flips while the model computes, as a particle would do it:
what becomes of the row.
"""

import random
from collections import Counter

from test_loop import MODEL, firmware, rows_of  # noqa: F401 - a fixture
from tinygen.host.check import check, expect
from tinygen.host.link import open_link
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.common.errors import LinkError

TRIALS = {"commit": 500, "release": 10_000}
REGISTERS = 32
KINDS = ("right", "flagged", "reset", "wrong")


class Upset:
    """Flips one bit at a random cycle of the next inference; `place` is a data address, 0 .. 31 are
    the registers.
    """

    def __init__(self, board, longest: int) -> None:
        self.board, self.longest = board, longest
        self.armed: tuple[int, int, int] | None = None  # cycles behind mark 1, place, bit
        self.done = 0
        core = board._core
        self.timer = core.timer(self._flip)
        self.listener = core.listener(self._on_mark)
        core.listen(core.memory_irq(board.chip.gpior0), self.listener)

    def arm(self, rng: random.Random, place: int) -> None:
        self.armed = rng.randrange(1, self.longest), place, rng.randrange(8)

    def _on_mark(self, value: int) -> None:
        if value == 1 and self.armed:
            self.board._core.start(self.timer, self.armed[0])

    def _flip(self) -> None:
        _, place, bit = self.armed
        before = self.board.read_memory(place, 1)[0]
        self.board.write_memory(place, bytes((before ^ 1 << bit,)))
        self.armed = None
        self.done += 1


def outcome(link, upset: Upset, rows) -> str:
    """What became of two rows, of which the first was hit: the worst of right, flagged, reset and
    wrong.
    """
    resets = link.port.board.counters.watchdog_resets
    session = link.session
    try:
        verdict = check(stream(link, rows.tolist(), window=1, timeout=0.02), expect(MODEL, rows))
    except LinkError:  # ran into empty flash, or lost its model: the host stops with one line
        return "reset"
    if verdict.wrong or verdict.led_wrong:
        return "wrong"
    if link.session != session or link.port.board.counters.watchdog_resets != resets:
        return "reset"
    return "flagged" if verdict.lost or verdict.retries else "right"


def upsets(firmware_of, trials: int, seed: int) -> dict[str, Counter]:
    """Outcomes by what was hit: "registers", "RAM"."""
    board, elf = firmware_of("uno")
    rng, found, link = random.Random(seed), {"registers": Counter(), "RAM": Counter()}, None
    rows = rows_of(2 * trials, seed=3)
    usual = rows[(rows > -32768).all(axis=1)]
    for trial in range(trials):
        if link is None:
            link = open_link(avr_url("uno", elf), MODEL, board)
            list(stream(link, usual[:5].tolist()))
            longest = max(i.cycles for i in link.port.board.inferences)
            upset = Upset(link.port.board, longest)
            used = [
                *range(board_ram_start(link), link.port.board.variables_end),
                *range(
                    link.port.board.chip.ram_end + 1 - link.port.board.stack_bytes,
                    link.port.board.chip.ram_end + 1,
                ),
            ]
        what = "registers" if trial % 2 else "RAM"
        upset.arm(rng, rng.randrange(REGISTERS) if trial % 2 else rng.choice(used))
        before = upset.done
        result = outcome(link, upset, usual[trial : trial + 2])
        assert upset.done == before + 1
        found[what][result] += 1
        if result == "right":
            continue
        link.close()
        link = None
    return found


def board_ram_start(link) -> int:
    return link.port.board.chip.ram_start


def test_single_upsets_during_inference(firmware, figures, level):  # noqa: F811
    """The figure is published, not demanded; what is demanded: nothing hangs, and most flips do no
    harm.
    """
    found = upsets(firmware, TRIALS[level], 1)
    for what, counts in found.items():
        total = sum(counts.values())
        figures(
            f"upsets, {what}",
            f"{total:,} flips: "
            + ", ".join(f"{counts[kind]} {kind} ({counts[kind] / total:.1%})" for kind in KINDS),
        )
        assert total == TRIALS[level] // 2 and counts["right"] > total / 2 > counts["wrong"]
    assert (
        found["registers"]["wrong"] > 0
    )  # a model whose registers may flip without harm has not been hit


def test_without_a_flip_every_row_is_right(firmware, monkeypatch):  # noqa: F811
    """Control: the same, with flips that change nothing."""
    monkeypatch.setattr(
        Upset,
        "_flip",
        lambda self: (setattr(self, "armed", None), setattr(self, "done", self.done + 1)),
    )
    assert all(set(counts) == {"right"} for counts in upsets(firmware, 20, 1).values())
