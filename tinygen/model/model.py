"""The integer model: a chain of nodes between raw inputs and a raw output, and its JSON file.

`Model.predict` is the exact twin of the generated C function. Nothing in it is a float.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.choices import OPTIMIZE
from ..common.errors import ModelError
from ..common.files import write_whole
from . import (
    model_file,
    operations,  # noqa: F401 (fills the registry)
)
from .alarm_threshold import AlarmBand, check_levels
from .confidence.error_bars import ErrorBars
from .confidence.not_sure import leads_of
from .fixedpoint import MISSING, NOT_SURE, RAW_MAX, RAW_MIN, Quantity
from .nodes import Bounds, Integers, Node, from_dict, integers, prove, to_dict
from .operations.argmax import Argmax
from .parts import Output, check_name, check_places, output_of, plain_output, quantity_of
from .reading import read_file

SCHEMA = 1
MAX_VALUES = 50  # of one answer: the firmware's ring for answers holds them, see tinygen_chip.h
CLASS_LEDS = 4  # that a board has pins for


@dataclass(frozen=True)
class Model:
    """A model as the chip computes it; `raw` values are integers in steps of `Quantity.scale`."""

    name: str  # prefix of every C name
    family: str  # "lookup", "ridge", ...
    inputs: tuple[Quantity, ...]
    output: Quantity
    nodes: tuple[Node, ...]
    threshold: int | None = None  # raw; alarm when the output is above it
    labels: tuple[str, ...] = ()  # classification: label of output 0, 1, ...
    training: dict[str, Any] = field(default_factory=dict)  # facts and figures, plain JSON
    optimize: str = "balanced"  # of OPTIMIZE: what its C is written for; no answer depends on it
    alarm_below: int | None = None  # raw; alarm when the output is below it
    scores: bool = False  # classification: answers carry the score of each class
    # least lead of the best score over the next one; with less, the answer is NOT_SURE
    sure_margin: int | None = None
    reads: tuple[int, ...] = ()  # with more outputs: places of the inputs that the first one reads
    more: tuple[Output, ...] = ()  # outputs behind the first; threshold and alarm are the first's
    bars: ErrorBars | None = None  # how far references lie from the answers, of one number
    remembers: ClassVar[bool] = False  # no answer depends on the rows before

    def __post_init__(self) -> None:
        check_name(self.name)
        self._check_more()
        if self.optimize not in OPTIMIZE:
            raise ModelError(
                f"cannot optimize for {str(self.optimize)[:40]!r}: one of {', '.join(OPTIMIZE)}"
            )
        if not self.inputs or not self.nodes or not self.nodes[0].takes_any_int16:
            raise ModelError("a model needs inputs, and a first node that accepts any int16")
        self._check_scores()
        if self.bars and (self.labels or self.more):
            raise ModelError("error bars are for a model whose answer is one number")
        _ = self.band, self.levels  # raise where they cannot be
        last = self.bounds[-1]
        _ = last.c_type  # raises where a value has no 16-bit type
        if len(last.low) != 1 or max(last.high) > RAW_MAX or min(last.low) < RAW_MIN:
            raise ModelError("a model ends in one value within int16")
        check_levels(self.labels, self.band, max(last.high))

    def _check_more(self) -> None:
        """ModelError where outputs cannot stand side by side; each is a model of its own."""
        if not self.more:
            if self.reads:
                raise ModelError("reads is for a model of several outputs")
            return
        if self.labels or len(self.more) >= MAX_VALUES:
            raise ModelError(f"several outputs are numbers, and at most {MAX_VALUES}")
        if len(set(self.value_names)) < len(self.value_names):
            raise ModelError("two outputs have one name")
        check_places(self.places, len(self.inputs))
        _ = self.singles  # raise where one of them cannot be

    @cached_property
    def singles(self) -> tuple[Model, ...]:
        """A model of each output alone; the C names of the second begin with NAME_2, and so on."""
        if not self.more:
            return (self,)
        first = replace(self, inputs=self._read_by(self.reads), reads=(), more=())
        stem = self.name[:28]
        return first, *(
            Model(
                f"{stem}_{k}",
                output.family,
                self._read_by(output.reads),
                output.quantity,
                output.nodes,
                training=output.training,
                optimize=self.optimize,
            )
            for k, output in enumerate(self.more, 2)
        )

    @property
    def places(self) -> tuple[tuple[int, ...], ...]:
        """Of a model of several outputs: the places of the inputs that each reads."""
        return (self.reads, *(output.reads for output in self.more))

    def _read_by(self, reads: tuple[int, ...]) -> tuple[Quantity, ...]:
        return tuple(self.inputs[place] for place in reads)

    def _check_scores(self) -> None:
        """ModelError where scores are promised that the chain does not have, or a margin that no
        two of them can have.
        """
        if self.sure_margin is not None and not self.scores:
            raise ModelError("sure_margin is for a model with scores")
        if not self.scores:
            return
        if not self.labels or not isinstance(self.nodes[-1], Argmax) or len(self.nodes) < 2:
            raise ModelError("scores are for classes, and a chain that ends in the largest of them")
        if len(self.labels) >= MAX_VALUES:
            raise ModelError(
                f"{len(self.labels)} classes have too many scores for one answer: at most "
                f"{MAX_VALUES - 1}"
            )
        found = self.bounds[-2]
        if len(found.low) != len(self.labels):
            raise ModelError(f"{len(found.low)} scores for {len(self.labels)} classes")
        if max(found.high) > RAW_MAX or min(found.low) < RAW_MIN:
            raise ModelError("every score of a class lies within int16")
        most = max(found.high) - min(found.low)
        if self.sure_margin is not None and not 1 <= self.sure_margin <= most:
            raise ModelError(
                f"sure_margin {self.sure_margin} is not within 1 .. {most}, as far as two scores "
                "can be apart"
            )

    @cached_property
    def bounds(self) -> tuple[Bounds, ...]:
        """Proven intervals, one `Bounds` per node; ModelError where the proof fails."""
        return prove(self.nodes, len(self.reads or self.inputs))

    @cached_property
    def model_id(self) -> int:
        """32-bit fingerprint of everything that decides an answer; host and board compare it."""
        deciding = {
            k: v
            for k, v in self._plain().items()
            if k not in ("training", "family", "optimize", "id")
        }  # and without what a board is told later: its model stays the one it was built with
        deciding["nodes"] = [node for node in deciding["nodes"] if not node.get("live")]
        if self.more:
            deciding["more"] = [plain_output(replace(o, training={})) for o in self.more]
        return int.from_bytes(hashlib.sha256(_canonical(deciding)).digest()[:4], "big")

    def saturate(self, raw: ArrayLike) -> tuple[Integers, NDArray[np.bool_]]:
        """Rows clamped to each input's `limits`, and which rows were changed. Shape (n, inputs)."""
        rows = self._rows(raw)
        low, high = zip(*(q.limits for q in self.inputs))
        clamped = integers(np.clip(rows, low, high))
        return clamped, (clamped != rows).any(axis=1)

    @property
    def values_per_row(self) -> int:
        """Numbers in one answer: one an output, or with scores the class and the score of each."""
        return len(self.value_names)

    @property
    def value_names(self) -> tuple[str, ...]:
        """What each number of an answer is: the outputs' names, or the output's and the scores'."""
        scores = (f"score of {label}" for label in self.labels * self.scores)
        return (self.output.name, *(o.quantity.name for o in self.more), *scores)

    @property
    def outputs(self) -> tuple[Quantity, ...]:
        """The quantity of each output; one for a classifier."""
        return (self.output, *(output.quantity for output in self.more))

    @property
    def class_leds(self) -> int:
        """LEDs that show its answers, one for each class; 0 where red and green are an alarm."""
        few = self.scores and len(self.labels) <= CLASS_LEDS and not self.band
        return len(self.labels) if few else 0

    @property
    def decided(self) -> Model:
        """The same model, which names the best class however small its lead is."""
        return replace(self, sure_margin=None)

    def optimized_for(self, goal: str) -> Model:
        """The same model, its C written for a goal of OPTIMIZE."""
        return replace(self, optimize=goal)

    def predict(self, raw: ArrayLike) -> Integers:
        """Raw predictions, int64 of shape (n,), or (n, outputs) where there are several, for raw
        rows of shape (n, inputs); any int16 is allowed.
        """
        return self.values(raw) if self.more else self.values(raw)[:, 0]

    def values(self, raw: ArrayLike) -> Integers:
        """All numbers of each answer, int64 of shape (n, values_per_row): the prediction, then the
        scores where the model has them.
        """
        if self.more:
            rows = self._rows(raw)
            each = [one.values(rows[:, list(p)]) for one, p in zip(self.singles, self.places)]
            return integers(np.hstack(each))
        if not self.scores:
            return self._run(raw, self.nodes)
        scores = self._run(raw, self.nodes[:-1])
        best = self.nodes[-1].apply(scores)
        if self.sure_margin is not None:
            best = np.where(leads_of(scores)[:, None] < self.sure_margin, NOT_SURE, best)
        return integers(np.hstack([best, scores]))

    def _run(self, raw: ArrayLike, nodes: tuple[Node, ...]) -> Integers:
        values = self._rows(raw)
        for node in nodes:
            values = node.apply(values)
        return values

    def answer(self, raw: ArrayLike) -> Integers:
        """What the board answers: rows with a MISSING value give MISSING, others saturate and
        predict.
        """
        return self.answers(raw) if self.more else self.answers(raw)[:, 0]

    def answers(self, raw: ArrayLike) -> Integers:
        """All numbers of what the board answers, int64 of shape (n, values_per_row); of a row with
        a MISSING value each is MISSING.
        """
        rows = self._rows(raw)
        missing = (rows == MISSING).any(axis=1)
        values = self.values(self.saturate(rows)[0])
        return integers(np.where(missing[:, None], MISSING, values))

    @property
    def band(self) -> AlarmBand:
        """Raw outputs that are no alarm; False in a condition where the model has no alarm."""
        return AlarmBand(self.alarm_below, self.threshold)

    @property
    def levels(self) -> AlarmBand:
        """The raw alarm levels that the reference is judged by; `band` lies elsewhere where offsets
        were learned (alarm_threshold.py).
        """
        facts, band = self.training.get("learned_alarm", {}), self.band
        return AlarmBand(
            None if band.low is None else facts.get("level_below", band.low),
            None if band.high is None else facts.get("level", band.high),
        )

    def beyond(self, raw_reference: ArrayLike) -> NDArray[np.bool_]:
        """True where a reference reading is beyond an alarm level: what `alarm` should say of the
        answer.
        """
        return self.levels.left_by(raw_reference)

    def alarm(self, raw_output: ArrayLike) -> NDArray[np.bool_]:
        """True where an output is above the threshold, or below `alarm_below`; exactly at either is
        no alarm.
        """
        return self.band.left_by(raw_output)

    def unsure(self, raw_output: ArrayLike) -> NDArray[np.bool_]:
        """True where the error bar of an output holds values that are an alarm and values that are
        none; False without bars.
        """
        if self.bars is None:
            return np.zeros(np.shape(raw_output), dtype=bool)
        return self.band.straddled_by(raw_output, self.bars.half_width)

    def sample_rows(self, n: int, seed: int = 0) -> Integers:
        """n seeded raw rows: corners of the accepted ranges and of int16 first, then uniform."""
        rng = np.random.default_rng(seed)
        low, high = np.array([q.limits for q in self.inputs]).T
        ends = np.stack(
            [
                low,
                high,
                low - 1,
                high + 1,
                0 * low - RAW_MAX,
                0 * low + RAW_MAX,
                0 * low,
                (low + high) // 2,
            ]
        )
        corners = rng.integers(0, len(ends), size=(max(n // 4, 8), len(low)))
        corner_rows = np.vstack([ends, ends[corners, np.arange(len(low))]])[: max(n // 4, 1)]
        uniform = rng.integers(low, high + 1, size=(n, len(low)))
        return integers(np.clip(np.vstack([corner_rows, uniform])[:n], RAW_MIN, RAW_MAX))

    def to_json(self) -> str:
        """The model as text; equal models give equal bytes."""
        return json.dumps(self._plain(), indent=1, ensure_ascii=True, allow_nan=False) + "\n"

    def save(self, path: Path) -> None:
        """Writes the JSON file whole or not at all. ModelError of what could not be read again;
        then nothing is written.
        """
        text = self.to_json()
        from_json(text)
        write_whole(path, text)

    def _plain(self) -> dict[str, Any]:
        plain = {
            "schema": SCHEMA,
            "name": self.name,
            "family": self.family,
            "inputs": [q.plain() for q in self.inputs],
            "output": self.output.plain(),
            "threshold": self.threshold,
            **({} if self.alarm_below is None else {"alarm_below": self.alarm_below}),
            **({"scores": True} if self.scores else {}),
            **({} if self.sure_margin is None else {"sure_margin": self.sure_margin}),
            **({"reads": list(self.reads)} if self.reads else {}),
            **({"more": [plain_output(output) for output in self.more]} if self.more else {}),
            **({} if self.bars is None else {"bars": asdict(self.bars)}),
            "labels": list(self.labels),
            "optimize": self.optimize,
            "nodes": [to_dict(node) for node in self.nodes],
            "training": self.training,
        }
        content = hashlib.sha256(_canonical(plain)).hexdigest()
        return {**plain, "id": content}

    def _rows(self, raw: ArrayLike) -> Integers:
        rows = integers(raw)
        if rows.ndim != 2 or rows.shape[1] != len(self.inputs):
            raise ModelError(
                f"rows have shape {rows.shape}: model '{self.name}' takes (n, {len(self.inputs)})"
            )
        if rows.size and (rows.min() < MISSING or rows.max() > RAW_MAX):
            raise ModelError(
                f"a raw value lies outside int16 ({rows.min()} .. {rows.max()}): "
                "saturate before predicting"
            )
        return rows


def load(path: Path) -> Model:
    """The model in a JSON file; ModelError if it is missing, damaged, of another schema, or of
    signals (files.py has the door for both kinds).
    """
    return read_file(path, from_json)


def from_json(text: str) -> Model:
    """The model that `to_json` wrote. The content hash must match: an edited file is refused."""
    content, stated = model_file.read(text, Model, SCHEMA)
    model = Model(
        content["name"],
        content["family"],
        tuple(quantity_of(q) for q in content["inputs"]),
        quantity_of(content["output"]),
        tuple(from_dict(n) for n in content["nodes"]),
        content["threshold"],
        tuple(content["labels"]),
        content["training"],
        content["optimize"],
        content.get("alarm_below"),
        content.get("scores", False),
        content.get("sure_margin"),
        tuple(content.get("reads", ())),
        tuple(map(output_of, content.get("more", ()))),
        ErrorBars(**bars) if (bars := content.get("bars")) else None,
    )
    if model._plain()["id"] != stated:
        raise ModelError(
            "content and hash differ, the file was changed after training: train it again"
        )
    last = model.bounds[-1]
    if model.labels and not (min(last.low) >= 0 and max(last.high) < len(model.labels)):
        raise ModelError(
            f"its answers can be {min(last.low)} .. {max(last.high)}, and it has "
            f"{len(model.labels)} labels: train it again"
        )
    return model


def _canonical(plain: dict[str, Any]) -> bytes:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
