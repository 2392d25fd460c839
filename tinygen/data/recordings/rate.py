"""The rate of recordings, their jitter, and the samples that were lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...common.errors import DataError, UsageError, show
from ...common.tables import counted
from ...model.fixedpoint import MISSING
from .clock import AGREE, Clock

JITTER = 0.1  # of a period that is worth a note
NEAR = (0.5, 1.5)  # periods of a step in which nothing was lost
ROUNDS = 3  # in which period and lost samples settle
UNEVEN = 0.25  # of the steps that may be gaps before nothing is at a fixed rate
WHOLE = 1e-3  # part by which a whole rate may be missed
LEAST = 10  # samples that tell a rate


@dataclass(frozen=True)
class Timing:
    """What the times of one recording tell."""

    period_s: float
    span_s: float
    jitter: float  # root of the mean squared deviation of a step from the period, in periods
    lost: np.ndarray  # int64 (n - 1,): samples that are missing between two neighbours
    coarse: bool = False  # the clock shows no single sample


def timing_of(seconds: np.ndarray) -> Timing | None:
    """The timing of rising times (n,); None of less than two rows or where time stands still."""
    steps = np.diff(seconds)
    span = float(seconds[-1] - seconds[0]) if len(seconds) > 1 else 0.0
    if not span > 0:
        return None
    period = float(np.median(steps))
    if period <= 0:
        return Timing(_between_ticks(seconds), span, 0.0, np.zeros(len(steps), np.int64), True)
    near = (steps > NEAR[0] * period) & (steps < NEAR[1] * period)
    period = float(steps[near].mean())
    for _ in range(ROUNDS):  # a clock whose ticks are nearly as long as a period misleads a median
        lost = _lost(steps / period)
        period = span / (len(steps) + int(lost.sum()))
    inner = steps[lost == 0] / period - 1
    jitter = float(np.sqrt(np.mean(inner**2))) if len(inner) else 0.0
    return Timing(period, span, jitter, lost)


def _between_ticks(seconds: np.ndarray) -> float:
    """Seconds of a sample by a clock that stands still for several: from its first tick to its
    last, for the samples before and after were not all seen.
    """
    ticks = np.flatnonzero(np.diff(seconds)) + 1
    if len(ticks) < 2:
        return float(seconds[-1] - seconds[0]) / (len(seconds) - 1)
    return float(seconds[ticks[-1]] - seconds[ticks[0]]) / float(ticks[-1] - ticks[0])


def _lost(steps: np.ndarray) -> np.ndarray:
    """int64 (n,): samples that are missing in each step, given in periods; a late sample that its
    neighbours make up for is not lost.
    """
    ends = np.concatenate([[1.0], steps, [1.0]])
    alone = np.round(steps) - 1
    before, after = (np.round(ends[k : k + len(steps)] + steps) - 2 for k in (0, 2))
    return np.maximum(np.minimum(alone, np.minimum(before, after)), 0).astype(np.int64)


def common_rate(
    names: Sequence[str],
    timings: Sequence[Timing | None],
    sizes: Sequence[int],
    clock: Clock | None,
    given: float | None,
    source: str,
) -> tuple[float, list[str]]:
    """Samples per second of all recordings, and notes on how it was found. DataError where they
    differ or nothing tells; UsageError where a rate is given and the times tell another.
    """
    if clock is None:
        if given is None:
            raise DataError(
                f"{source} has no column of times: give the samples per second with --rate HZ, or "
                "name the column with --time"
            )
        return float(given), []
    told = [k for k, t in enumerate(timings) if t and sizes[k] >= LEAST]
    told = told or [k for k, t in enumerate(timings) if t]
    if not told:
        raise DataError(
            f"{source}, {clock.words}: time never moves on within a recording, so it tells no "
            f'rate: leave it out (--drop "{clock.columns[0]}") and give --rate HZ'
        )
    periods = np.array([timings[k].period_s for k in told])  # type: ignore[union-attr]
    usual = float(np.median(periods))
    _require_one_rate(names, timings, told, usual, clock)
    rate = _whole(1 / usual)
    if given is not None and abs(given / rate - 1) > AGREE:
        raise UsageError(
            f"--rate {given:g} Hz and {clock.words}, which tells {rate:.4g} Hz, differ by more "
            f"than {AGREE:.0%}: leave out one of them (--drop {show(clock.columns[0])})"
        )
    _require_even(names, timings, told)
    return float(given or rate), [
        *_rate_notes(clock, rate),
        *_timing_notes(names, timings, told, clock),
    ]


def _whole(rate: float) -> float:
    """The rate, or a whole one near it: quartz and rounding are no reason for 49.998 Hz."""
    near = round(rate)
    return float(near) if near and abs(near / rate - 1) < WHOLE else float(f"{rate:.5g}")


def _require_one_rate(
    names: Sequence[str],
    timings: Sequence[Timing | None],
    told: Sequence[int],
    usual: float,
    clock: Clock,
) -> None:
    def off(k: int) -> float:
        found = timings[k]
        assert found is not None
        return abs(found.period_s / usual - 1) - 2 * clock.step_s / found.span_s

    odd = max(told, key=off)
    if off(odd) <= AGREE:
        return
    like = min(told, key=off)
    rates = [1 / timings[k].period_s for k in (odd, like)]  # type: ignore[union-attr]
    raise DataError(
        f"the rates differ: {names[odd]} has {rates[0]:.4g} Hz, {names[like]} {rates[1]:.4g} Hz: "
        "record all at one rate, or leave one kind out"
    )


def _require_even(
    names: Sequence[str], timings: Sequence[Timing | None], told: Sequence[int]
) -> None:
    for k in told:
        found = timings[k]
        if found and (gaps := float((found.lost > 0).mean())) > UNEVEN:
            raise DataError(
                f"{names[k]}: {gaps:.0%} of the steps in time are longer than a period of "
                f"{found.period_s:.4g} s, so that there is no fixed rate (at most {UNEVEN:.0%}): "
                "record at a fixed rate, or leave the times out and give --rate HZ"
            )


def _rate_notes(clock: Clock, rate: float) -> list[str]:
    return [*clock.notes, f"{clock.words} tells the rate: {rate:.5g} Hz"]


def _timing_notes(
    names: Sequence[str],
    timings: Sequence[Timing | None],
    told: Sequence[int],
    clock: Clock,
) -> list[str]:
    found = {k: t for k in told if (t := timings[k])}
    notes = []
    shaky = [
        k for k, t in found.items() if t.jitter > JITTER and t.jitter * t.period_s > clock.step_s
    ]
    if shaky:
        worst = max(shaky, key=lambda k: found[k].jitter)
        notes.append(
            f"jitter above {JITTER:.0%} of a period in {counted(len(shaky), 'recording')}, "
            f"{found[worst].jitter:.0%} in {names[worst]}: samples count as evenly spaced, sample "
            "by a timer"
        )
    if coarse := [k for k, t in found.items() if t.coarse]:
        notes.append(
            f"{clock.words} moves in steps of more than a sample in "
            f"{counted(len(coarse), 'recording')}: lost samples cannot be seen"
        )
    gaps = {k: int((t.lost > 0).sum()) for k, t in found.items() if t.lost.any()}
    if gaps:
        lost = sum(int(found[k].lost.sum()) for k in gaps)
        worst = max(gaps, key=lambda k: int(found[k].lost.sum()))
        notes.append(
            f"{counted(lost, 'sample')} lost in {counted(sum(gaps.values()), 'gap')} of "
            f"{counted(len(gaps), 'recording')}, {int(found[worst].lost.sum()):,} in "
            f"{names[worst]}: windows begin anew after a gap"
        )
    return notes


def with_gaps(raw: np.ndarray, timing: Timing | None) -> np.ndarray:
    """The samples (n, channels) with one row of MISSING in each gap, however long it is."""
    if timing is None or not timing.lost.any():
        return raw
    places = np.flatnonzero(timing.lost) + 1
    return np.insert(raw, places, MISSING, axis=0)
