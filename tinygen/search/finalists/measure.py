"""Finalists: which candidates are worth lowering and measuring, fitted to all training rows and
turned into rungs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from ...common.tables import counted
from ...data import Dataset, Rows
from ...families import FAMILIES, Family, fit_all
from ...fitting.error_bars import held_out
from ...fitting.fitted import Fitted
from ...fitting.weighted import above_zero
from ...target.build import NO_LIMITS
from ..cross_validation import Candidate, as_good_as, error_scale, row_losses
from ..ladder import Rung, choose
from ..workers import in_processes, in_threads, one_thread
from .request import SearchRequest
from .rungs import RungMaker, error_on

FINALISTS = 16  # candidates that are lowered and measured at first, with the best of each family
LADDER = 10  # the same without a budget, beside the steps of the ladder
NEAR_EQUALS = 4  # the same, where no ladder is asked for
STEP = 0.1  # part of its own error by which a step of the ladder is better than the one before
Progress = Callable[[str], None]


@dataclass
class Finalists:
    """The ranked candidates on their way to rungs."""

    dataset: Dataset
    request: SearchRequest
    ranked: list[Candidate]  # best first
    say: Progress
    waiting: list[Candidate] = field(init=False)  # the best of each size
    rungs: list[Rung] = field(default_factory=list)
    sources: list[Candidate] = field(default_factory=list)  # of the rungs
    fits: dict[Candidate, Fitted] = field(default_factory=dict)
    # fits to the rows around each part that error bars hold out
    partial: dict[Candidate, list[Fitted]] = field(default_factory=dict)
    maker: RungMaker = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = _one_per_size(self.ranked)
        losses = row_losses(self.waiting, self.dataset)
        self.maker = RungMaker(self.dataset, self.request, losses)

    def measure(self) -> list[Rung]:
        """The rungs, in order of preference within each block; empty where no candidate can be
        bounded.
        """
        for block in self._blocks():
            if not self._worth_measuring(block):
                break
            for part in self._parts(block):
                part = [c for c in part if not self._beaten(c)]
                if part:
                    self._announce(part)
                    self._fit(part, block)
                    for candidate, rungs in zip(part, in_threads(self._rungs, part)):
                        self.sources += [candidate] * len(rungs)
                        self.rungs += rungs
        self._better_the_chosen()
        return self.rungs

    def _rungs(self, candidate: Candidate) -> list[Rung]:
        """The measured rung of a candidate that is fitted, and the one of its coarser integers
        where these are smaller or quicker.
        """
        family = FAMILIES[candidate.family]
        if (rung := self._rung(candidate, family)) is None:
            return []
        if family.coarser is None:
            return [rung]
        nodes = family.coarser(self.fits[candidate], self.dataset.training)
        if nodes in ((), rung.model.nodes):
            return [rung]
        other = self._rung(candidate, replace(family, lower=lambda *_: nodes))
        if other is None or not other.cheaper(rung):
            return [rung]
        facts = {**other.model.training, "coarser": True}
        return [rung, replace(other, model=replace(other.model, training=facts))]

    def _rung(self, candidate: Candidate, family: Family) -> Rung | None:
        """The measured rung of a candidate that is fitted, lowered as a family does."""
        partial = self.partial.get(candidate, ())
        return self.maker.rung(candidate, self.fits[candidate], partial, family)

    def _better_the_chosen(self) -> None:
        """Takes more effort on the rung that is chosen, where its family has more to give."""
        budget = self.request.budget
        if not any(rung.within(budget) for rung in self.rungs):
            return
        best = choose(self.rungs, budget, self.dataset)
        at = next(k for k, rung in enumerate(self.rungs) if rung is best)
        candidate, before = self.sources[at], self.fits[self.sources[at]]
        better = FAMILIES[candidate.family].better
        if better is None:
            return
        self.say("training the chosen model on")
        seed, training = self.dataset.split.seed, self.dataset.training
        errors = {c.config: c.error for c in self.ranked if c.family == candidate.family}
        with one_thread():
            self.fits[candidate], judge = better(before, training, seed, errors, in_processes)
        rung = self._rung(candidate, FAMILIES[candidate.family])
        least = error_on(judge, before.columns, best.model)
        if rung and rung.within(budget) and error_on(judge, before.columns, rung.model) < least:
            # folds judge the configuration, which is the same: what its own rounding adds to their
            # error does not count against a net whose integers err less on the training rows
            if rung.error > best.error:
                rung = replace(rung, error=best.error, row_losses=best.row_losses)
            rungs = [*self.rungs[:at], rung, *self.rungs[at + 1 :]]
            if choose(rungs, budget, self.dataset) is rung:
                self.rungs = rungs
                return
        self.fits[candidate] = before

    def _announce(self, part: list[Candidate]) -> None:
        verb = "compiling and simulating" if self.request.compiles else "rounding"
        self.say(f"{verb} {counted(len(part), 'finalist')} for {self.request.board.title}")

    @property
    def _by_time(self) -> bool:
        """Under drift the order of preference decides, not the error."""
        return self.dataset.split.by_time

    def _may_fit(self, candidate: Candidate) -> bool:
        budget = self.request.budget
        return FAMILIES[candidate.family].may_fit(
            candidate.config, len(self.dataset.inputs), budget.flash_bytes, budget.cycles
        )

    def _least_error(self, candidate: Candidate) -> float:
        """In the unit of a rung's error, which adds what rounding costs."""
        return candidate.error * error_scale(self.dataset)

    def _blocks(self) -> Iterator[list[Candidate]]:
        """Candidates to measure, in blocks: those that may fit first, the best ones, the best of
        each family, without a budget its smallest one that may be as good and for a ladder its
        steps up from its smallest; then the others.
        """
        first = LADDER if self.request.budget == NO_LIMITS else FINALISTS
        first = NEAR_EQUALS if self.request.choice_only else first
        fitting = [c for c in self.waiting if self._may_fit(c)]
        for some in (fitting, [c for c in self.waiting if c not in fitting]):
            kinds = {c.family: c for c in reversed(some)}
            small = self._small_ones(some) if self.request.budget == NO_LIMITS else []
            also = {*kinds.values(), *small, *self._steps(some)}
            leading = [c for k, c in enumerate(some) if k < first or c in also]
            rest = [c for c in some if c not in leading]
            if self.request.budget == NO_LIMITS and not self._by_time:
                leading = [c for c in leading if not self._outdone(c, leading)]
            blocks = (leading, *(rest[k : k + first] for k in range(0, len(rest), first)))
            yield from (block for block in blocks if block)

    def _outdone(self, candidate: Candidate, others: list[Candidate]) -> bool:
        """True where another one of its family has less error and can be smaller."""
        family, inputs = FAMILIES[candidate.family], len(self.dataset.inputs)
        least = family.least_bytes(candidate.config, inputs)
        error = self._least_error(candidate)
        return any(
            as_good_as(self._least_error(c), self.dataset) < error
            and family.least_bytes(c.config, inputs) < least
            for c in others
            if c.family == candidate.family
        )

    def _small_ones(self, ranked: list[Candidate]) -> list[Candidate]:
        """The smallest candidate of each family that is worse than the best one by no more than
        chance explains.
        """
        rows, found = self.dataset.training, list[Candidate]()
        if not ranked or (best := self.maker.losses.get(ranked[0])) is None:
            return found
        for name in dict.fromkeys(c.family for c in ranked):
            known = {c.config: c for c in ranked if c.family == name}
            smallest_first = filter(None, map(known.get, FAMILIES[name].candidates(rows)))
            alike = (c for c in smallest_first if not above_zero(self.maker.losses[c] - best))
            found += list(islice(alike, 1))
        return found

    def _steps(self, ranked: list[Candidate]) -> list[Candidate]:
        """For a ladder without a budget, each family's way from the candidate that errs most to its
        best one: what errs less than the step before by enough to be a choice of its own, and is
        not outdone.
        """
        found = list[Candidate]()
        if self.request.choice_only or self.request.budget != NO_LIMITS:
            return found
        last = dict[str, float]()
        for candidate in sorted(ranked, key=self._least_error, reverse=True):
            error = self._least_error(candidate)
            far = error * (1 + STEP) < last.get(candidate.family, np.inf)
            if far and not self._outdone(candidate, ranked):
                last[candidate.family] = error
                found.append(candidate)
        return found

    def _worth_measuring(self, block: list[Candidate]) -> bool:
        """True while nothing fits, or where one of the block might be better than all that fit."""
        good = [rung for rung in self.rungs if rung.within(self.request.budget)]
        if not good:
            return True
        if self.request.budget == NO_LIMITS or self._by_time:
            return False
        best = min(rung.error for rung in good)
        return any(self._least_error(c) < best and self._may_fit(c) for c in block)

    def _parts(self, block: list[Candidate]) -> list[list[Candidate]]:
        """What is measured at once: later parts may be beaten by earlier ones.

        The best of each family, then the others; under drift, where order decides, all at once; for
        a choice alone one by one.
        """
        if self._by_time:
            return [block]
        if self.request.choice_only:
            return [[c] for c in block]
        kinds = list({c.family: c for c in reversed(block)}.values())
        return [[c for c in block if c in kinds], [c for c in block if c not in kinds]]

    def _beaten(self, candidate: Candidate) -> bool:
        """True where a model that fits the budget has too small an error for this one to be chosen.
        For a ladder that model is smaller than this one can be as well, and without a budget also
        quicker.
        """
        if self._by_time:
            return False
        better = [
            rung
            for rung in self.rungs
            if rung.within(self.request.budget)
            and as_good_as(rung.error, self.dataset) < self._least_error(candidate)
        ]
        if self.request.choice_only:
            return any(self._rules_out(rung, candidate) for rung in better)
        family, inputs = FAMILIES[candidate.family], len(self.dataset.inputs)
        least = family.least_bytes(candidate.config, inputs)
        quickest = family.least_cycles(candidate.config, inputs)
        return any(
            rung.cost.flash_bytes <= least
            and (self.request.budget != NO_LIMITS or rung.cost.cycles_max <= quickest)
            for rung in better
        )

    def _rules_out(self, rung: Rung, candidate: Candidate) -> bool:
        """True where a candidate is not chosen beside a better rung, however small it is."""
        losses = self.maker.losses.get(candidate)
        if self.request.budget != NO_LIMITS or losses is None or rung.row_losses is None:
            return True
        return above_zero(losses - rung.row_losses)

    def _fit(self, part: list[Candidate], block: list[Candidate]) -> None:
        """Adds a fit to all training rows for each of the part, and for what comes from the same
        fit and may be measured later; for error bars those without the rows held out as well.
        """
        jobs = []
        for kind in dict.fromkeys(c.family for c in part):
            known = {
                c.config: c
                for c in self.waiting
                if c.family == kind and c not in self.fits and self._wanted(c, block)
            }
            jobs += [
                [known[config] for config in shared]
                for shared in FAMILIES[kind].fits_of(list(known))
                if any(known[config] in part for config in shared)
            ]

        self.fits |= self._fitted(jobs, self.dataset.training)
        cuts = held_out(self.dataset) if self.request.error_bars else []
        for fit_on, _ in cuts:
            for candidate, fit in self._fitted(jobs, self.dataset.rows.take(fit_on)).items():
                self.partial.setdefault(candidate, []).append(fit)

    def _wanted(self, candidate: Candidate, block: list[Candidate]) -> bool:
        """Whether a candidate may be measured with a block or after it: with a budget blocks follow
        for as long as something that fits may be better.
        """
        if self._beaten(candidate):
            return False
        goes_on = self.request.budget != NO_LIMITS
        return candidate in block or (goes_on and self._may_fit(candidate))

    def _fitted(self, jobs: list[list[Candidate]], rows: Rows) -> dict[Candidate, Fitted]:
        """Each job's candidates, fitted to rows."""
        seed = self.dataset.split.seed
        work = [(job[0].family, rows, [c.config for c in job], seed) for job in jobs]
        fits = in_processes(fit_all, work, lambda item: FAMILIES[item[0]].loads_sklearn)
        return {c: fit for job, found in zip(jobs, fits) for c, fit in zip(job, found)}


def _one_per_size(ranked: list[Candidate]) -> list[Candidate]:
    """The best candidate of each size, best first."""
    best: dict[tuple, Candidate] = {}
    for candidate in ranked:
        size = FAMILIES[candidate.family].size(candidate.config)
        best.setdefault((candidate.family, size), candidate)
    return list(best.values())
