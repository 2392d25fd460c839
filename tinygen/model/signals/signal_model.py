"""A model of signals: front end, model of a window, vote over the last answers; its JSON file."""

from __future__ import annotations

import hashlib
import json
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...common.errors import ModelError
from ...common.files import write_whole
from ..alarm_threshold import AlarmBand
from ..confidence.error_bars import ErrorBars
from ..fixedpoint import MISSING, RAW_MAX, RAW_MIN, Quantity
from ..model import CLASS_LEDS, Model
from ..model import from_json as window_model_of
from ..nodes import Integers, integers, need, within
from ..parts import Output, check_name, quantity_of
from .front_end import FrontEnd, Windows
from .streams import whole

SCHEMA = 1
KIND = "signals"
NO_ANSWER = MISSING  # until the first window has ended
MOST_VOTES = 15
WINDOW_SUFFIX = "_window"  # of the C names of the model of a window


@dataclass(frozen=True)
class SignalModel:
    """What the chip computes of samples: a decision that changes when a window ends."""

    name: str  # prefix of every C name
    channels: tuple[Quantity, ...]
    rate_hz: float  # samples per second, of every channel
    front: FrontEnd
    window_model: Model  # takes the row of features
    # answers that decide: of classes the most frequent one, of numbers the least
    votes: int = 1
    lead: int = 1  # votes by which another class must be ahead of the one that stands
    training: dict[str, Any] = field(default_factory=dict)  # facts and figures, plain JSON

    def __post_init__(self) -> None:
        check_name(self.name)
        within("votes", [self.votes], 1, MOST_VOTES)
        within("lead", [self.lead], 1, self.votes if self.labels else 1)
        need(0 < self.rate_hz < 1e6 and math.isfinite(self.rate_hz), "a rate above 0")
        limits = tuple(q.limits for q in self.channels)
        need(limits == self.front.limits, "channels with the limits of the front end")
        names = len(self.window_model.inputs) == len(self.front.features)
        need(names, "a window's model with one input per feature")
        plain = not (self.window_model.more or self.window_model.scores)
        need(plain, "a window's model with one number as its answer")
        need(self.window_model.name == self.name + WINDOW_SUFFIX, "the name of a window's model")

    # ---- what host, firmware and reports ask of any model ----

    @property
    def inputs(self) -> tuple[Quantity, ...]:
        return self.channels

    @property
    def output(self) -> Quantity:
        return self.window_model.output

    @property
    def labels(self) -> tuple[str, ...]:
        return self.window_model.labels

    @property
    def family(self) -> str:
        return self.window_model.family

    @property
    def outputs(self) -> tuple[Quantity, ...]:
        return (self.output,)

    @property
    def singles(self) -> tuple[SignalModel, ...]:
        return (self,)

    @property
    def value_names(self) -> tuple[str, ...]:
        return (self.output.name,)

    @property
    def band(self) -> AlarmBand:
        return self.window_model.band

    @property
    def levels(self) -> AlarmBand:
        return self.window_model.levels

    @property
    def threshold(self) -> int | None:
        return self.window_model.threshold

    @property
    def alarm_below(self) -> int | None:
        return self.window_model.alarm_below

    @property
    def class_leds(self) -> int:
        """LEDs that show its decisions, one a class; 0 where red and green are an alarm."""
        few = 0 < len(self.labels) <= CLASS_LEDS and not self.band
        return len(self.labels) if few else 0

    values_per_row: ClassVar[int] = 1
    scores: ClassVar[bool] = False
    more: ClassVar[tuple[Output, ...]] = ()
    sure_margin: ClassVar[int | None] = None
    bars: ClassVar[ErrorBars | None] = None
    remembers: ClassVar[bool] = True  # an answer depends on the samples before

    def saturate(self, raw: ArrayLike) -> tuple[Integers, NDArray[np.bool_]]:
        """Samples clamped to each channel's limits, and which of them were changed."""
        samples = self._samples(raw)
        low, high = zip(*self.front.limits)
        clamped = integers(np.clip(samples, low, high))
        return clamped, (clamped != samples).any(axis=1)

    @property
    def used_channels(self) -> tuple[int, ...]:
        """Places of the channels that some feature depends on."""
        used, front = set(), self.front
        waiting = [place for one in front.features for place in one.sources]
        while waiting:
            place = waiting.pop()
            if place < len(self.channels):
                used.add(place)
            else:
                waiting += front.streams[place - len(self.channels)].sources
        return tuple(sorted(used))

    @property
    def window_s(self) -> float:
        """Seconds of a window."""
        return self.front.window / self.rate_hz

    @property
    def hop_s(self) -> float:
        """Seconds from one answer to the next."""
        return self.front.hop / self.rate_hz

    @property
    def latency_s(self) -> float:
        """Seconds after a change until most of the answers that decide are about it."""
        answers = answers_to_change(self.votes, self.lead) if self.labels else self.votes
        return self.window_s + (answers - 1) * self.hop_s

    @cached_property
    def model_id(self) -> int:
        """32-bit fingerprint of everything that decides an answer."""
        deciding = [
            *(q.plain() for q in self.channels),
            self.rate_hz,
            self.front.plain(),
            self.votes,
            self.lead,
            self.window_model.model_id,
        ]
        text = json.dumps(deciding, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest()[:4], "big")

    # ---- answers ----

    def windows(self, recordings: Sequence[ArrayLike]) -> list[Windows]:
        """Ends and features of the windows of each recording, raw (samples, channels)."""
        return self.front.run([self._samples(raw) for raw in recordings])

    def window_answers(self, windows: Windows) -> Integers:
        """The answer to each window alone, int64 (windows,)."""
        return integers(self.window_model.predict(windows.features))

    def decisions(self, windows: Windows) -> Integers:
        """The decision after each window, int64 (windows,). A window after a missing sample begins
        a new vote.
        """
        starts = np.flatnonzero(np.diff(windows.ends) != self.front.hop) + 1
        parts = np.split(self.window_answers(windows), starts)
        return np.concatenate([self._voted(part) for part in parts])

    def _voted(self, answers: Integers) -> Integers:
        return voted(answers, self.votes, len(self.labels), self.lead)

    def predict(self, raw: ArrayLike) -> Integers:
        """The decision after each sample of one recording, int64 (samples,): NO_ANSWER before the
        first window has ended, at the start and after a missing sample.
        """
        samples = self._samples(raw)
        (windows,) = self.front.run([samples])
        found = np.full(len(samples), NO_ANSWER, dtype=np.int64)
        decisions = self.decisions(windows)
        lost = np.flatnonzero((samples == MISSING).any(axis=1))
        until = np.append(windows.ends[1:], len(samples))  # the next decision, or a lost sample
        for end, next_end, decision in zip(windows.ends, until, decisions):
            later = lost[np.searchsorted(lost, end) :][:1]
            found[end : min([next_end, *later])] = decision
        return found

    def answers(self, raw: ArrayLike) -> Integers:
        """What the board answers to each sample, int64 (samples, 1): NO_ANSWER also where a value
        is missing.
        """
        return self.predict(raw)[:, None]

    def alarm(self, raw_output: ArrayLike) -> NDArray[np.bool_]:
        """True where a decision is an alarm."""
        return self.window_model.alarm(raw_output)

    def optimized_for(self, goal: str) -> SignalModel:
        """The same model, its C written for a goal of OPTIMIZE."""
        return replace(self, window_model=self.window_model.optimized_for(goal))

    def _samples(self, raw: ArrayLike) -> Integers:
        samples = integers(raw)
        if samples.ndim != 2 or samples.shape[1] != len(self.channels):
            raise ModelError(
                f"samples have shape {samples.shape}: model '{self.name}' takes "
                f"(n, {len(self.channels)})"
            )
        if samples.size and (samples.min() < MISSING or samples.max() > RAW_MAX):
            raise ModelError("a sample lies outside int16: saturate before predicting")
        return samples

    def sample_rows(self, n: int, seed: int = 0) -> Integers:
        """n seeded raw samples that change often and reach the corners: steps, noise, silence."""
        rng = np.random.default_rng(seed)
        low, high = np.array([q.limits for q in self.channels]).T
        noise = rng.integers(low, high + 1, size=(n, len(low)))
        square = np.where((np.arange(n) // 3 % 2)[:, None], low, high)
        still = np.broadcast_to((low + high) // 2, noise.shape)
        beyond = rng.choice([RAW_MIN, RAW_MAX], size=noise.shape)
        block = max(self.front.window // 2, 1)
        choice = (np.arange(n) // block % 4)[:, None]
        return integers(np.choose(choice, [noise, square, still, beyond]))

    # ---- the file ----

    def to_json(self) -> str:
        """The model as text; equal models give equal bytes."""
        return json.dumps(self._plain(), indent=1, ensure_ascii=True, allow_nan=False) + "\n"

    def save(self, path: Path) -> None:
        """Writes the JSON file whole or not at all."""
        write_whole(path, self.to_json())

    def _plain(self) -> dict[str, Any]:
        plain = {
            "kind": KIND,
            "schema": SCHEMA,
            "name": self.name,
            "channels": [q.plain() for q in self.channels],
            "rate_hz": self.rate_hz,
            "front": self.front.plain(),
            "votes": self.votes,
            "lead": self.lead,
            "window_model": json.loads(self.window_model.to_json()),
            "training": self.training,
        }
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return {**plain, "id": hashlib.sha256(text.encode("ascii")).hexdigest()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> SignalModel:
        """The model that `to_json` wrote; ModelError where it was changed or cannot be."""
        try:
            if plain["schema"] != SCHEMA:
                raise ModelError(f"it has schema {plain['schema']!r}, this tinygen reads {SCHEMA}")
            need(isinstance(plain["training"], dict), "facts of the training by their names")
            model = cls(
                plain["name"],
                tuple(map(quantity_of, plain["channels"])),
                plain["rate_hz"],
                FrontEnd.from_plain(plain["front"]),
                window_model_of(json.dumps(plain["window_model"])),
                whole(plain["votes"], "votes"),
                whole(plain["lead"], "lead"),
                plain["training"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"a model of signals is not as tinygen writes it ({error}): train it again"
            ) from None
        if model._plain()["id"] != plain.get("id"):
            raise ModelError(
                "content and hash differ, the file was changed after training: train it again"
            )
        return model

    def with_facts(self, **facts: Any) -> SignalModel:
        """The same model with more training facts."""
        return replace(self, training={**self.training, **facts})


def answers_to_change(votes: int, lead: int) -> int:
    """Answers of another class in a row until a vote among classes changes to it."""
    return (votes + lead + 1) // 2


def voted(answers: Integers, votes: int, classes: int, lead: int = 1) -> Integers:
    """The decision after each of a run of answers: of classes the most frequent one of the last
    `votes`, the first of them where several are; of numbers (`classes` 0) the least.

    A class that stands remains until another one is ahead by `lead` votes (a hysteresis), or until
    it has no vote left.
    """
    if votes == 1:
        return answers
    last: deque[int] = deque(maxlen=votes)
    found, standing = [], -1
    for answer in answers.tolist():
        last.append(answer)
        if not classes:
            found.append(min(last))
            continue
        counts = np.bincount(last, minlength=classes)
        left = counts[standing] if standing >= 0 else 0
        if not left or counts.max() - left >= lead:
            standing = int(counts.argmax())
        found.append(standing)
    return np.array(found, dtype=np.int64).reshape(-1)
