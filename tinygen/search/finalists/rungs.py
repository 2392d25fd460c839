"""From a fitted candidate to a rung: lowered, compiled, simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...codegen.chain import constant_bytes
from ...codegen.emit import render_header
from ...common.errors import ModelError, QuantizeError
from ...common.tables import six_digits
from ...data import Dataset, Rows
from ...data.reference import Sketch
from ...families import Family
from ...fitting.error_bars import with_bars
from ...fitting.fitted import Fitted
from ...fitting.recalibration import unseen_spread
from ...model.alarm_threshold import LearnedAlarm, learned
from ...model.model import Model
from ...model.outputs import UNSEEN
from ...target.bare import ModelCost, measure_cost
from ..cross_validation import Candidate, Trained, error_scale, fold_cuts, rounded
from ..ladder import Rung, above
from ..quantization import held_out_errors, input_sketches, quantize, raw_band, with_reject
from .request import SearchRequest


@dataclass(frozen=True)
class RungMaker:
    """Makes rungs of candidates."""

    dataset: Dataset
    request: SearchRequest
    losses: Mapping[Candidate, np.ndarray]  # row by row in the folds, where there are some

    @cached_property
    def sketches(self) -> tuple[Sketch, ...]:
        """What the training rows look like, input by input."""
        return input_sketches(self.dataset)

    def rung(
        self, candidate: Candidate, fit: Fitted, partial: Sequence[Fitted], family: Family
    ) -> Rung | None:
        """The measured rung; None where the candidate cannot be bounded.

        fit: to all training rows; partial: for error bars, to those around each part that is held
        out; family: what lowers them.
        """
        dataset, request, rows = self.dataset, self.request, self.dataset.training
        trained = Trained(family, candidate.config, fit)
        try:
            alarm = self._learned_alarm(candidate)
            model = quantize(
                trained,
                dataset,
                request.name,
                request.threshold,
                alarm,
                request.alarm_below,
                request.scores,
                self.sketches,
            )
        except (ModelError, QuantizeError):
            return None
        scale, columns = error_scale(dataset), list(trained.fitted.columns)
        training = error_on(rows, columns, model)
        error = _with_rounding(candidate.error, training, trained, rows)
        floats = tuple(rounded(trained.fitted, dataset.x[dataset.test]).tolist())
        folds = tuple(six_digits(loss * scale) for loss in candidate.losses)
        try:
            if request.reject is not None:
                model = with_reject(model, trained, dataset, request.reject)
            if request.error_bars is not None:
                errors = held_out_errors(trained, list(partial), dataset)
                model = with_bars(model, columns, request.error_bars, errors, dataset)
        except (ModelError, QuantizeError):
            return None
        model, cost = self.affordable(self._with_spread(candidate, model))
        losses = self._rounded_losses(candidate, error)
        return Rung(model, error * scale, cost, folds, floats, training * scale, losses)

    def _with_spread(self, candidate: Candidate, model: Model) -> Model:
        """The model that tells how far the folds' answers were off, in steps of its fit."""
        if model.labels or candidate.unseen is None:
            return model
        spread = six_digits(unseen_spread(model, candidate.unseen, self._folds_truth()))
        return replace(model, training={**model.training, UNSEEN: spread})

    def _folds_truth(self) -> np.ndarray:
        """The reference of `Candidate.unseen`."""
        return self.dataset.y[np.concatenate([rows for _, rows in fold_cuts(self.dataset)])]

    def _rounded_losses(self, candidate: Candidate, error: float) -> np.ndarray | None:
        """The candidate's losses row by row, with what rounding has made of its `error`."""
        losses = self.losses.get(candidate)
        if losses is None or not candidate.error:
            return losses
        if self.dataset.labels:
            return losses + (error - candidate.error)
        return losses * (error / candidate.error)

    def _learned_alarm(self, candidate: Candidate) -> LearnedAlarm | None:
        """The raw thresholds that cost least in the folds; None without a price of mistakes."""
        request, dataset = self.request, self.dataset
        levels = raw_band(dataset.target, request.threshold, request.alarm_below)
        if request.alarm_cost is None or not levels or candidate.unseen is None:
            return None
        return learned(request.alarm_cost, levels, candidate.unseen, self._folds_truth())

    def affordable(self, model: Model) -> tuple[Model, ModelCost]:
        """The model and its cost: its C balanced, or written for size or for speed where only that
        fits the budget.
        """
        budget = self.request.budget
        first = replace(model, optimize=self.request.optimize or "balanced")
        cost = self._cost(first)
        large = above(cost.flash_bytes, budget.flash_bytes)
        slow = above(cost.cycles_max, budget.cycles)
        # it fits, or what helps one harms the other
        if self.request.optimize or large == slow:
            return first, cost
        other = replace(model, optimize="size" if large else "speed")
        if render_header(other) == render_header(first):
            return first, cost  # nothing in this model can be traded
        traded = self._cost(other)
        fits = Rung(other, 0.0, traded).within(budget)
        return (other, traded) if fits else (first, cost)

    def _cost(self, model: Model) -> ModelCost:
        if self.request.compiles:
            return measure_cost(model, self.request.board)
        return ModelCost(constant_bytes(model), 0, 0, 0, 0)


def error_on(rows: Rows, columns: Sequence[int], model: Model) -> float:
    """Raw error of an integer model that reads some columns of the rows."""
    return rows.error(model.predict(rows.x[:, list(columns)]))


def _with_rounding(error: float, whole: float, trained: Trained, rows: Rows) -> float:
    """An error of the folds, which judge the float model, with what rounding to integers added to
    its `whole` training error.
    """
    exact = rows.error(rounded(trained.fitted, rows.x))
    if rows.labels:
        return error + max(whole - exact, 0.0)
    return error * max(1.0, whole / max(exact, 1e-9)) if whole else error
