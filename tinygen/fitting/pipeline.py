"""What a scikit-learn Pipeline does before one of its steps."""

from __future__ import annotations

import inspect
from typing import Any

from sklearn.pipeline import Pipeline


def steps_before(estimator: Any) -> tuple[str, ...]:
    """Names of the steps that change X before `estimator`, whose `fit` a Pipeline calls; () without
    one.

    A step does not know its Pipeline: the Pipeline's own `fit` is looked for among the callers.
    """
    frame = inspect.currentframe()
    while frame := frame and frame.f_back:
        caller = frame.f_locals.get("self")
        if isinstance(caller, Pipeline) and caller.steps[-1][1] is estimator:
            before = caller.steps[:-1]
            return tuple(name for name, step in before if step not in (None, "passthrough"))
    return ()
