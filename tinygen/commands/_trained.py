"""What came of a training: a model of one output, or of several, with its ladder and verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import plain
from ..common.tables import table
from ._show import of_model, of_rows

if TYPE_CHECKING:
    from ..model.model import Model
    from ..search.comparators import Comparator
    from ..search.ladder import Ladder
    from ..search.several import Joined
    from ..target.build import Budget


@dataclass(frozen=True)
class TrainedModel:
    """A model just trained and saved."""

    path: Path
    model: Model
    notes: tuple[str, ...]
    ladder: Ladder
    verdict: tuple[str, ...] = ()  # lines: what conversion to integers lost and saved

    @property
    def comparators(self) -> tuple[Comparator, ...]:
        """What else could predict the target, on the same test rows."""
        return self.ladder.comparators

    @property
    def doubts(self) -> list[str]:
        """Baselines that the model is no better than."""
        from ..report.words import beaten

        flash = self.ladder.rungs[self.ladder.chosen].cost.flash_bytes
        return beaten(self.model, flash, self.comparators)

    def text(self) -> str:
        """Model, errors, alarms, verdict, ladder and baselines."""
        from ..report import words

        names = ", ".join(q.name for q in self.model.inputs)
        lines = [
            *(f"note: {note}" for note in self.notes),
            f"model    {self.path}: {self.model.family}, inputs {names}",
            f"rows     {words.rows_used(self.model)}",
        ]
        return "\n".join(lines) + "\n" + self.judged()

    def judged(self, hint: bool = True) -> str:
        """Errors, alarms, verdict, ladder and baselines; `hint`: and how to take another rung."""
        from ..report import words
        from ..report.ladder import beside, ladder_text

        model, metrics = self.model, self.model.training["metrics"]
        lines = _class_errors(metrics) if model.labels else _errors(metrics, model)
        if model.band:
            lines.append(f"alarm    {words.alarm_words(model)}: {words.alarms(model)}")
        if "learned_alarm" in model.training:
            lines += words.learned_alarm(model)
        lines += [*words.not_sure(model), *words.error_bars(model)]
        parts = [
            "\n".join(lines),
            "\n".join([*self.verdict, *(f"but        {doubt}" for doubt in self.doubts)]),
            ladder_text(self.ladder, hint),
            beside(self.comparators, model),
        ]
        return "\n\n".join(part for part in parts if part)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""

        return {
            **of_model(self.path, self.model),
            **of_rows(self.model),
            **self.plain_figures(),
            "notes": list(self.notes),
            **self.plain_ladder(),
        }

    def plain_figures(self) -> dict[str, Any]:
        """Errors and alarms as plain JSON values."""
        facts = self.model.training
        return {
            "metrics": facts["metrics"],
            "alarm": facts["alarm"],
            "learned_alarm": facts.get("learned_alarm"),
            **({"reject": facts["reject"]} if "reject" in facts else {}),
            **_plain_bars(self.model),
            "weighting": facts.get("weighting"),
        }

    def plain_ladder(self) -> dict[str, Any]:
        """Ladder, verdict and baselines as plain JSON values."""
        from ..report.ladder import plain_ladder

        return {
            "ladder": plain_ladder(self.ladder),
            "verdict": self.model.training.get("verdict"),
            "doubts": self.doubts,
            "baselines": [asdict(b) for b in self.comparators],
        }


@dataclass(frozen=True)
class TrainedOutputs:
    """A model of several outputs just trained and saved."""

    path: Path
    joined: Joined
    budget: Budget | None = None  # that was shared
    notes: tuple[str, ...] = ()
    verdicts: tuple[tuple[str, ...], ...] = ()  # lines for each output; () without a verdict

    @property
    def model(self) -> Model:
        return self.joined.model

    @property
    def each(self) -> tuple[TrainedModel, ...]:
        """The outputs, as if each were a model of its own."""
        ladders = self.joined.ladders
        verdicts = self.verdicts or ((),) * len(ladders)
        return tuple(
            TrainedModel(self.path, one, (), ladder, verdict)
            for one, ladder, verdict in zip(self.model.singles, ladders, verdicts)
        )

    def text(self) -> str:
        """What all outputs share, then each with its errors, verdict, ladder and baselines."""
        from ..report import words

        model = self.model
        lines = [
            *(f"note: {note}" for note in self.notes),
            f"model    {self.path}: {len(model.outputs)} outputs, inputs "
            f"{', '.join(q.name for q in model.inputs)}",
            f"rows     {words.rows_used(model)}",
            *self._budget_lines(),
            f"together {words.together(model)}",
        ]
        if model.band:
            lines.append(f"alarm    of {model.output.name} alone, the first target")
        parts = ["\n".join(lines)]
        for k, one in enumerate(self.each, 1):
            parts.append(
                f"output   {k} of {len(model.outputs)}: {one.model.output.name}, by "
                f"{one.model.family} of {', '.join(q.name for q in one.model.inputs)}\n"
                + one.judged(hint=False)
            )
        if any(len(ladder.rungs) > 1 for ladder in self.joined.ladders):
            parts.append(
                "take another one for an output with `tinygen pick --target NAME`: the file of the "
                "ladders is the model's, ending in .search.json"
            )
        return "\n\n".join(parts)

    def _budget_lines(self) -> list[str]:
        """How a budget was shared; none without one."""
        from ..search.ladder import limits_in_words

        if not self.budget or not (whole := limits_in_words(self.budget, ",")):
            return []
        parts = [
            f"{ladder.model.output.name} within {limits_in_words(ladder.budget, ',')}"
            for ladder in self.joined.ladders
        ]
        return [
            f"budget   {whole}; in turn an equal part of what is left:",
            *(f"         {part}" for part in parts),
        ]

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        shared = {k: v for k, v in of_model(self.path, self.model).items() if k != "family"}
        return {
            **shared,
            **of_rows(self.model),
            "together": self.model.training["together"],
            "notes": list(self.notes),
            "outputs": [
                {
                    "name": one.model.output.name,
                    "unit": one.model.output.unit,
                    "family": one.model.family,
                    "inputs": [q.name for q in one.model.inputs],
                    "budget": asdict(one.ladder.budget),
                    **one.plain_figures(),
                    **one.plain_ladder(),
                }
                for one in self.each
            ],
        }


def _plain_bars(model: Model) -> dict[str, Any]:
    """The error bars and what they cover as plain JSON values; none without bars."""
    if model.bars is None:
        return {}
    half = float(model.output.difference(model.bars.half_width))
    told = model.training.get("error_bars", {})
    return {"error_bars": {**asdict(model.bars), "physical": half, **told}}


def _errors(metrics: dict, model: Model) -> list[str]:
    from ..report.words import with_unit

    return [
        f"error    {with_unit(metrics['mae'], model)} mean absolute on the test rows; "
        f"float model {with_unit(metrics['float_mae'], model)}",
        f"         rmse {with_unit(metrics['rmse'], model)}, R2 {metrics['r2']:.4f}",
    ]


def _class_errors(metrics: dict) -> list[str]:
    """Error rate, and for each class what its test rows were taken for."""
    labels = list(metrics["recall"])
    taken = [
        [
            label,
            recall if recall is not None else "-",
            ", ".join(f"{n} {plain(other)}" for n, other in zip(row, labels) if n),
        ]
        for (label, recall), row in zip(metrics["recall"].items(), metrics["confusion"])
    ]
    return [
        f"error    {metrics['error_rate']:.2%} of the test rows wrong; "
        f"float model {metrics['float_error_rate']:.2%}",
        table(["class", "found", "its rows were answered as"], taken),
    ]
