"""A model of signals in words and tables, for the terminal."""

from __future__ import annotations

import textwrap

from ..common.errors import plain
from ..common.tables import counted, table
from ..model.signals import SignalModel
from ..search.signals import SignalLadder

WIDTH = 100  # characters of a line of names
MOST_RECORDINGS = 12  # that are named where they went wrong


def vote_of(votes: int, lead: int) -> str:
    """A vote in a cell of a table: how many answers, and the lead that a change takes."""
    return str(votes) if lead == 1 else f"{votes}, lead {lead}"


def described(model: SignalModel) -> list[str]:
    """Channels, windows and features, a line each."""
    names = ", ".join(q.name for q in model.channels)
    vote = "" if model.votes == 1 else f", the last {model.votes} answers decide"
    vote += "" if model.lead == 1 else f", a change takes a lead of {model.lead}"
    features = model.front.feature_names(model.channels, model.rate_hz)
    return [
        f"signals  {counted(len(model.channels), 'channel')} at {model.rate_hz:.6g} Hz: {names}",
        f"windows  {model.window_s:.4g} s every {model.hop_s:.4g} s{vote}; "
        f"{model.latency_s:.4g} s until a change is decided",
        *_wrapped("features ", ", ".join(features)),
    ]


def _wrapped(title: str, text: str) -> list[str]:
    """Lines of a list of names, each below the first."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=title,
        subsequent_indent=" " * len(title),
        break_long_words=False,
        break_on_hyphens=False,
    )


def class_figures(model: SignalModel) -> list[str]:
    """Errors on the recordings that test, beside a large forest and beside random windows."""
    found = model.training["signals"]
    tests = found["recordings_test"]
    lines = [
        f"rows     {counted(found['recordings_train'], 'recording')} train "
        f"({found['windows_train']:,} windows), {tests} test ({found['windows_test']:,} windows)",
        f"error    {found['error_rate']:.2%} of the test windows wrong, each window alone "
        f"{found['window_error_rate']:.2%}",
        f"         {found['recordings_wrong']} of {counted(tests, 'recording')} wrong by the "
        "majority of its windows",
    ]
    if "forest" not in found:  # a rung that was not chosen
        return lines
    forest, leak = found["forest"], found["random_windows"]
    return [
        *lines,
        f"beside   a forest of {forest['trees']} trees in float on the same features: "
        f"{forest['error_rate']:.2%} of the windows, {forest['recordings_wrong']} of "
        f"{counted(tests, 'recording')}",
        f"leak     with windows split at random it would look like {leak['error_rate']:.2%} "
        f"(forest {leak['forest_error_rate']:.2%}): windows of one recording are alike, "
        "do not believe that figure",
    ]


def confusion(model: SignalModel) -> str:
    """What the windows of each class were decided to be."""
    rows = []
    for label, counts in zip(model.labels, model.training["signals"]["confusion"]):
        taken = ", ".join(f"{n} {plain(other)}" for n, other in zip(counts, model.labels) if n)
        total = sum(counts)
        right = counts[model.labels.index(label)]
        rows.append([label, right / total if total else "-", taken])
    return table(["class", "found", "its windows were decided as"], rows)


def wrong_recordings(model: SignalModel) -> list[str]:
    """The recordings that test whose majority is wrong."""
    wrong = [r for r in model.training["signals"]["recordings"] if r["decided"] != r["label"]]
    lines = [
        f"wrong    {plain(r['name'])}: {plain(r['label'])}, decided as {plain(r['decided'])} "
        f"({r['wrong']} of {r['windows']} windows)"
        for r in wrong[:MOST_RECORDINGS]
    ]
    if len(wrong) > MOST_RECORDINGS:
        lines.append(f"         and {len(wrong) - MOST_RECORDINGS} more")
    return lines


def signal_ladder_text(found: SignalLadder) -> str:
    """The ladder as a table, the chosen rung marked."""
    headers = [
        "",
        "no.",
        "model",
        "channels",
        "features",
        "vote",
        "error in folds",
        "decided after s",
        "flash B",
        "RAM B",
        "cycles/sample",
        "at a window's end",
        "load",
    ]
    rows = [
        [
            "->" if k == found.chosen else "",
            k + 1,
            rung.model.family,
            len(rung.model.used_channels),
            len(rung.model.front.features),
            vote_of(rung.model.votes, rung.model.lead),
            f"{rung.error:.2%}",
            f"{rung.model.latency_s:.3g}",
            rung.cost.flash_bytes,
            rung.cost.ram_with_stack,
            rung.cost.cycles_sample,
            rung.cost.cycles_window,
            f"{rung.cost.load:.1%}",
        ]
        for k, rung in enumerate(found.rungs)
    ]
    title = (
        "the ladder: part of wrong windows of held-back recordings, and the whole on "
        f"{found.board} (RAM with stack, load of the processor)"
    )
    return f"{title}\n{table(headers, rows)}"


def alarm_words(model: SignalModel) -> str:
    """When a guard's alarm goes off, and how often at most it should for nothing."""
    assert model.threshold is not None, "a guard is fitted with a threshold"
    level = float(model.output.to_physical(model.threshold))
    windows = "1 window" if model.votes == 1 else f"{model.votes} windows in a row"
    return (
        f"{windows} farther out than {level:.4g} {model.output.unit}".rstrip()
        + f"; asked for at most {_alarms(model.training['signals']['alarms_per_day'])} a day"
    )


def _alarms(count: float) -> str:
    return f"{count:g} false alarm{'s' * (count != 1)}"


def guard_figures(model: SignalModel) -> list[str]:
    """What the guard learned from, how often it alarms there and elsewhere."""
    facts = model.training["signals"]
    each = facts["recordings"]
    lines = [f"alarm    {alarm_words(model)}"]
    learned = [r for r in each if r["learned"]]
    lines.append(
        f"learned  {counted(len(learned), 'recording')}, {facts['hours_learned']:.3g} h: "
        f"{sum(r['alarms'] for r in learned)} of {sum(r['windows'] for r in learned):,} windows "
        "set it off"
    )
    if facts["hours_learned"] * facts["alarms_per_day"] < 24:
        lines.append(
            "         these hours are fewer than one false alarm is asked for: the level follows "
            "from the tail of the distances, record longer to see the rate itself"
        )
    others = [r for r in each if not r["learned"]]
    for label in dict.fromkeys(r["label"] for r in others):
        alike = [r for r in others if r["label"] == label]
        heard = sum(r["alarms"] > 0 for r in alike)
        lines.append(
            f"others   {plain(label) or 'not learned'}: {heard} of "
            f"{counted(len(alike), 'recording')} set it off, "
            f"{sum(r['alarms'] for r in alike):,} of {sum(r['windows'] for r in alike):,} windows"
        )
    return lines
