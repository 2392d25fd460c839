"""The proof of a front end: each rule refuses what breaks it, and nothing else refuses it."""

import ast
import re
from pathlib import Path

import pytest

from tinygen.common.errors import ModelError
from tinygen.data.recordings import WindowSpec
from tinygen.model import nodes
from tinygen.model.fixedpoint import Quantity
from tinygen.model.signals import (
    FEATURES,
    STREAMS,
    FrontEnd,
    accumulators,
    features,
    filters,
    front_end,
    pairs,
    spectrum,
    streams,
)
from tinygen.search.signals.pool import candidate_front

WIDE, NARROW = (-32767, 32767), (-40, 60)
MODULES = (accumulators, features, filters, front_end, pairs, spectrum, streams)


def stream(kind, *fields, limits=WIDE):
    """A front end with one stream."""
    return {"limits": (limits,), "streams": (STREAMS[kind](*fields),)}


def of(kind, *places, limits=WIDE, pane=64, **rest):
    """A front end with one feature."""
    return {"limits": (limits,), "features": (FEATURES[kind](*places),), "pane": pane, **rest}


def axes(count, shift=1, limits=WIDE):
    return {
        "limits": (limits,) * count,
        "streams": (STREAMS["magnitude"](tuple(range(count)), shift),),
    }


def band(b0=1, a1=1, a2=1, gain=0, limits=NARROW):
    return stream("band", 0, b0, a1, a2, gain, (1, 2), limits=limits)


LEVELS = tuple(STREAMS["above"](0, k) for k in range(255))
TWICE = (STREAMS["size"](0),) * 2
BANK = ("strongest", "centroid")
# rule -> front ends that break it, as fields of one with a mean of the first channel
BROKEN = {
    "channels": [{"limits": (NARROW,) * 33}],
    "limits of a channel": [{"limits": ((-32768, 0),)}, {"limits": ((0, 32768),)}],
    "limits of a channel: low <= high": [{"limits": ((1, 0),)}],
    "samples of a window": [{"pane": 8192, "panes": 4}, {"pane": 1, "panes": 1}, {"pane": 0}],
    "panes of a window": [{"panes": 33}],
    "panes between windows": [{"stride": 3}, {"stride": 0}],
    "streams": [{"streams": LEVELS}],
    "features": [{"features": ()}],
    "no stream and no feature twice": [
        {"streams": TWICE, "limits": (NARROW,)},
        {"features": (FEATURES["mean"](0),) * 2},
    ],
    "sources before a stream": [stream("above", 1, 0), stream("above", -1, 0)],
    "sources of a feature": [of("mean", 1), of("mean", -1)],
    "coarse: shift": [stream("coarse", 0, shift) for shift in (0, 16)],
    "magnitude: axes": [axes(1), axes(9, 2)],
    "magnitude: shift": [axes(2, -1, NARROW), axes(2, 16)],
    "delay: lag": [stream("delay", 0, lag) for lag in (0, 65)],
    "crossing: level": [stream("crossing", 0, level) for level in (-32768, 32768)],
    "above: level": [stream("above", 0, level) for level in (-32768, 32768)],
    "{kind}: shift": [stream("change", 0, 2), stream("ripple", 0, 4, -1, limits=NARROW)],
    "{stream.kind}: values": [
        *(stream("change", 0, 0), stream("ripple", 0, 4, 0), axes(2, 0), axes(5)),
        *(stream("tracker", 0, 1), stream("tracker", 0, 9, limits=(0, 32759))),
    ],
    "{kind}: slowness": [stream(kind, 0, s, *more) for kind, more in
        (("level", ()), ("ripple", (1,))) for s in (0, 16)],
    "tracker: step": [stream("tracker", 0, step, limits=NARROW) for step in (0, 1025)],
    "band: b0 and a2": [band(b0=-1), band(b0=16385), band(a2=-1), band(a2=16385)],
    "band: a1": [band(a1=-32768), band(a1=32768)],
    "band: edges": [stream("band", 0, 1, 1, 1, 0, edges, limits=NARROW) for edges in ((), (1,))],
    "band: gain": [band(gain=-9), band(gain=14, limits=(0, 0))],
    "band: spread of the source": [band(limits=(0, 8192)), band(gain=7), band(limits=WIDE)],
    "total: values": [of("total", 0, limits=(0, 512)), of("total", 0, limits=(-512, 0))],
    "rms: sum of squares": [of("rms", 0)],
    "deviation: sum of squares": [of("deviation", 0)],
    "range: values": [of("range", 0, limits=(-1, 32767))],
    "trend: an even number of panes in a window": [of("trend", 0, limits=NARROW, panes=3)],
    "trend: values": [of("trend", 0, limits=(-1, 32767))],
    "correlation: sum of squares": [
        {**of("correlation", 0, 1), "limits": ends} for ends in ((WIDE, NARROW), (NARROW, WIDE))
    ],
    "likeness: sum of squares": [
        {**of("likeness", 0, 1), "limits": ends} for ends in ((WIDE, NARROW), (NARROW, WIDE))
    ],
    "{self.kind}: bands": [of(kind, (0,) * n, limits=NARROW) for kind in BANK for n in (1, 9)],
    "{self.kind}: sum of squares": [of(kind, (0, 0)) for kind in BANK],
}  # fmt: skip
CASES = [(rule, case) for rule, cases in BROKEN.items() for case in cases]


def build(case) -> FrontEnd:
    fields = {"limits": (NARROW,), "pane": 8, "panes": 2, "stride": 1, "streams": ()}
    return FrontEnd(**{**fields, "features": (FEATURES["mean"](0),), **case})


def pattern(rule: str) -> re.Pattern:
    said = "[^:]*".join(map(re.escape, re.split(r"\{[^}]*\}", rule)))
    return re.compile(said + r"( within .*)?$")


@pytest.mark.parametrize("rule, case", CASES)
def test_a_broken_rule_is_refused_by_its_name(rule, case):
    with pytest.raises(ModelError) as refusal:
        build(case)
    message = str(refusal.value)
    assert pattern(rule).search(message) and len(message) < 200 and "\n" not in message


@pytest.mark.parametrize("rule, case", CASES)
def test_nothing_else_refuses_it(rule, case, monkeypatch):
    start, need = re.compile("^" + pattern(rule).pattern), nodes.need

    def lenient(good: bool, text: str) -> None:
        if not start.match(text):
            need(good, text)

    for module in (nodes, *MODULES):
        if hasattr(module, "need"):
            monkeypatch.setattr(module, "need", lenient)
    try:
        build(case)
    except ModelError as refusal:
        pytest.fail(f"refused by another rule: {refusal}")
    except (IndexError, ValueError):
        pass


def test_every_rule_has_a_case():
    texts = set()
    for module in MODULES:
        calls = [n for n in ast.walk(ast.parse(Path(module.__file__).read_text()))
                 if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]  # fmt: skip
        for call in calls:
            if call.func.id in ("need", "within"):
                text = call.args[0 if call.func.id == "within" else 1]
                said = isinstance(text, ast.Constant)
                texts.add(text.value if said else ast.unparse(text)[2:-1])
    of_a_file = ("of one of the kinds", "{one.name}", "a whole number")
    texts = {text for text in texts if not any(said in text for said in of_a_file)}
    assert texts == set(BROKEN)


@pytest.mark.parametrize("ends", [WIDE, NARROW, (0, 0), (30000, 32767), (-32767, 0)])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_every_candidate_of_a_search_is_proven(ends, channels):
    """Of channels of whatever range, in windows short and long."""
    quantities = [Quantity(f"c{k}", "g", 1.0, *map(float, ends)) for k in range(channels)]
    for window, pane in ((2, 1), (64, 16), (32764, 8191)):
        spec = WindowSpec(window, pane, pane)
        front = candidate_front(quantities, 50.0, spec)
        assert len(front.bounds) == len(front.features) > 0
