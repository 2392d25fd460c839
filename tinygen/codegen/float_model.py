"""The same model in float arithmetic: what the integer model is compared with.

The chain of nodes is the integer model's own, without its roundings, written as C that a careful
programmer would write by hand. Where a choice exists, it is the one that is kinder to float: the
scaling of inputs is folded into the coefficients behind it, tables are indexed by integers, and
saturation that only the integers need is left out.
"""

from __future__ import annotations

from .. import __version__
from ..common.jinja import environment
from ..model.model import Model
from .chain import float_views, printed
from .names import check_prefix


def render_float(model: Model) -> str:
    """Text of a NAME.h with the names and the inputs of the integer model's, in float: for
    measuring only.
    """
    name = check_prefix(model.name)
    views = float_views(model)
    last = f"{views[-1].out}[0]"
    return (
        environment("c")
        .get_template("float_model.h.j2")
        .render(
            version=__version__,
            name=name,
            upper=name.upper(),
            inputs=len(model.inputs),
            model_id=model.model_id,
            threshold=model.threshold,
            alarm_below=model.alarm_below,
            nodes=[printed(view, "float") for view in views],
            result=f"(int16_t){last}" if views[-1].whole else f"{name}_nearest({last})",
        )
    )
