"""NAME.h and NAME_window.h, the C headers of a model of signals."""

from __future__ import annotations

from collections.abc import Sequence

from ... import __version__
from ...common.errors import ModelError
from ...common.jinja import environment
from ...common.text import comment
from ...model.signals import SignalModel, Stream
from ...model.signals.accumulators import Accumulator
from ..header import quantity_view, render_header
from ..names import check_prefix

STATES = {
    "change": "int16_t",
    "level": "int32_t",
    "ripple": "int32_t",
    "tracker": "int16_t",
    "band": "tinygen_band_state",
    "delay": "struct {{ int16_t past[{lag}]; uint8_t at; }}",
    "crossing": "uint8_t",
    "turn": "tinygen_turn_state",
}  # C type of what a kind of stream remembers
OF_BANDS = ("strongest", "centroid")  # kinds of features that read a table of bands


def signal_headers(model: SignalModel) -> dict[str, str]:
    """Files that the model is: file name -> text. The runtime headers go beside them."""
    name = check_prefix(model.name)
    return {
        f"{name}.h": _header(model),
        f"{model.window_model.name}.h": render_header(model.window_model),
    }


def _header(model: SignalModel) -> str:
    return (
        environment("c")
        .get_template("signals/header.h.j2")
        .render(**_answer_view(model), **_window_view(model))
    )


def _answer_view(model: SignalModel) -> dict:
    """Names, channels and what the answer is."""
    window = model.window_model
    last = window.bounds[-1]
    return {
        "version": __version__,
        "name": model.name,
        "upper": model.name.upper(),
        "window_name": window.name,
        "window_upper": window.name.upper(),
        "model_id": model.model_id,
        "channels": [quantity_view(q) for q in model.channels],
        "channel_table": _channel_table(model),
        "output": quantity_view(model.output),
        "output_bounds": {"low": last.low[0], "high": last.high[0]},
        "labels": [comment(label) for label in model.labels],
        "threshold": window.threshold,
        "alarm_below": window.alarm_below,
        "votes": model.votes,
        "lead": model.lead,
        "facts": _facts(model),
    }


def _window_view(model: SignalModel) -> dict:
    """Times, streams, features and what is kept of a pane."""
    front = model.front
    kept = front.accumulators
    return {
        "rate": f"{model.rate_hz:.6g}",
        "rate_mhz": round(1000 * model.rate_hz),
        "window": front.window,
        "window_s": f"{model.window_s:.4g}",
        "hop": front.hop,
        "hop_s": f"{model.hop_s:.4g}",
        "pane": front.pane,
        "panes": front.panes,
        "stride": front.stride,
        "streams": _stream_views(model),
        "features": _feature_views(model),
        "trends": any(one.kind == "trend" for one in front.features),
        "adds": sum(one.adds for one in kept),
        "least": sum(one.kind == "least" for one in kept),
        "greatest": sum(one.kind == "greatest" for one in kept),
        "tables": _tables(kept),
    }


def _stream_views(model: SignalModel) -> list[dict]:
    """The streams as the templates print them, after the channels in the array of values."""
    front, count = model.front, len(model.channels)
    names = front.names(model.channels, model.rate_hz)
    return [
        {
            **_fields(one),
            "kind": one.kind,
            "place": place,
            "of": [f"v[{k}]" for k in one.sources],
            "what": comment(names[place]),
            "state": f"{one.kind}_{place}",
            "type": STATES[one.kind].format(**_fields(one)) if one.remembers else "",
            "table": f"{model.name}_band_{place}" if one.kind == "band" else "",
        }
        for place, one in enumerate(front.streams, count)
    ]


def _fields(stream: Stream) -> dict:
    fields = {key: value for key, value in stream.plain().items() if key != "edges"}
    return {**fields, "factor": 1 << fields["gain"]} if fields.get("gain", 0) > 0 else fields


def _feature_views(model: SignalModel) -> list[dict]:
    front = model.front
    places = _places(front.accumulators)
    names = front.feature_names(model.channels, model.rate_hz)
    return [
        {
            "kind": one.kind,
            "name": model.name,
            "upper": model.name.upper(),
            "what": comment(what),
            "places": [places[kept][1] for kept in one.needs()],
            "table": f"{model.name}_bands_{k}" if one.kind in OF_BANDS else "",
        }
        for k, (one, what) in enumerate(zip(front.features, names))
    ]


def _places(kept: Sequence[Accumulator]) -> dict[Accumulator, tuple[str, int]]:
    """Array and place of each accumulator of a pane."""
    arrays: dict[str, int] = {}
    found = {}
    for one in kept:
        array = "adds" if one.adds else one.kind
        found[one] = array, arrays.get(array, 0)
        arrays[array] = arrays.get(array, 0) + 1
    return found


def _tables(kept: Sequence[Accumulator]) -> list[dict]:
    """What each kernel takes up, in the order of the accumulators."""
    kinds = {
        kind: [one for one in kept if one.kind == kind]
        for kind in ("sum", "squares", "product", "least", "greatest")
    }
    sums, products = kinds["sum"], [*kinds["squares"], *kinds["product"]]
    pairs = [place for one in products for place in (one.sources * 2)[:2]]
    after = f"adds + {len(sums)}" if sums else "adds"
    rows = [
        _table("sums", "streams that are summed", "add", "adds", sums),
        _table("lows", "streams whose least is kept", "least", "least", kinds["least"]),
        _table(
            "highs", "streams whose greatest is kept", "greatest", "greatest", kinds["greatest"]
        ),
        {
            **_table("pairs", "pairs whose products are summed", "add_products", after, products),
            "places": pairs,
        },
    ]
    return [row for row in rows if row["count"]]


def _table(name: str, what: str, kernel: str, to: str, kept: Sequence[Accumulator]) -> dict:
    """A table of places of streams, and the kernel that reads it."""
    return {
        "name": name,
        "what": what,
        "kernel": f"tinygen_{kernel}",
        "to": to,
        "places": [one.sources[0] for one in kept],
        "count": len(kept),
    }


def _channel_table(model: SignalModel) -> str:
    """The header's table of channels, in columns as wide as they need."""
    rows = [("", "raw, accepted", "unit", "step", "name")]
    rows += [
        (f"sample[{c}]", f"{v['low']} .. {v['high']}", v["unit"] or "-", v["step"], v["name"])
        for c, v in enumerate(map(quantity_view, model.channels))
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(5)]
    return "\n".join(
        " *   " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows
    )


def _facts(model: SignalModel) -> list[str]:
    """Lines on how good the model is, where its training facts say so."""
    facts = model.training.get("signals", {})
    try:
        if "error_rate" not in facts:
            return []
        return [
            "",
            f"On recordings that it was not trained on: {facts['error_rate']:.2%} of",
            f"{facts['windows_test']:d} windows wrong, {facts['recordings_wrong']:d} of"
            f" {facts['recordings_test']:d} recordings.",
        ]
    except (KeyError, TypeError, ValueError):
        raise ModelError(
            f"what model '{model.name}' tells of its training is not as tinygen writes it: "
            "train it again"
        ) from None
