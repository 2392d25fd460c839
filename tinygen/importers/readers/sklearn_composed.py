"""scikit-learn's estimators that are made of others: chains, columns side by side."""

from __future__ import annotations

from typing import Any

from ...common.errors import QuantizeError
from ..graph import Step
from . import Part, read, reader


@reader("Pipeline")
def pipeline(e: Any, columns: tuple[str, ...]) -> Part:
    steps: list[Step] = []
    notes: list[str] = []
    names = columns
    *front, (_, last) = [s for s in e.steps if s[1] not in (None, "passthrough")] or [("", None)]
    if last is None:
        raise QuantizeError("the Pipeline has no step that does something")
    from ..simplify import width_of

    for name, step in front:
        part = read(step, names)
        if part.head:
            raise QuantizeError(
                f"step '{name}' of the Pipeline is a {type(step).__name__}, which predicts, with "
                "another step behind it: only transformers can stand there"
            )
        steps += part.steps
        notes += part.notes
        width = width_of(part.steps, len(names))
        names = names if width == len(names) else tuple(f"x{k}" for k in range(width))
    return read(last, names).after(steps, notes)
