"""Operators of ai.onnx.ml that stand for whole models: scalers, linear models, support vectors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from ...common.errors import QuantizeError, show
from ..graph import LOGISTIC, Affine, Curve, Floats
from ..readers.sklearn_columns import NO_VALUE
from ..readers.sklearn_distances import support_classifier, support_regressor
from .flow import Flow, Label, named, signed, text_of
from .onnx_graph import Call, operator
from .onnx_shapes import joined

KERNELS = {"LINEAR": "linear", "RBF": "rbf", "POLY": "poly", "SIGMOID": "sigmoid"}


def row_of(call: Call) -> Flow:
    flow = call.flow()
    return flow.reshaped((flow.width,))


def class_names(call: Call) -> list[Any]:
    """The labels of a classifier."""
    for name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
        if call[name]:
            return [text_of(v) if isinstance(v, bytes) else v for v in call[name]]
    raise QuantizeError("it has no labels of its classes: export it anew")


def transformed(flow: Flow, call: Call) -> Flow:
    """The answer behind a regressor's post_transform."""
    kind = call.text("post_transform", "NONE")
    if kind == "LOGISTIC":
        return flow.curve(LOGISTIC)
    if kind != "NONE":
        raise QuantizeError(f"its post_transform {show(kind)} is not known: export it with NONE")
    return flow


@operator("Scaler")
def scaler(call: Call) -> Flow:
    flow = row_of(call)
    offset, scale = (
        np.broadcast_to(call.numbers(n, v), (flow.width,)).astype(np.float32)
        for n, v in (("offset", 0.0), ("scale", 1.0))
    )
    return flow.curves([_scaled(o, s) for o, s in zip(offset, scale)])


def _scaled(offset: Any, scale: Any) -> Curve:
    """`(x - offset) * scale` in float32."""
    line = float(scale), -float(offset) * float(scale)
    return Curve(
        "line",
        lambda x: np.asarray((np.asarray(x, np.float32) - offset) * scale, np.float64),
        line,
    )


@operator("Imputer")
def imputer(call: Call) -> Flow:
    flow = row_of(call)
    ints = call["imputed_value_int64s"]
    values = call.numbers("imputed_value_int64s" if ints else "imputed_value_floats")
    mark = float(
        call.attributes.get("replaced_value_int64" if ints else "replaced_value_float", np.nan)
    )
    if np.isnan(mark):
        call.attributes["notes"] = (NO_VALUE,)
        return flow
    filled = np.broadcast_to(values, (flow.width,))
    return flow.curves([_imputed(mark, float(v)) for v in filled])


def _imputed(mark: float, value: float) -> Curve:
    """The value where x is the mark, as float32: 2.3 is stored as 2.29999995."""
    same = np.float32(mark)
    return Curve("imputed value", lambda x: np.where(np.asarray(x, np.float32) == same, value, x))


@operator("Normalizer")
def normalizer(call: Call) -> Flow:
    if isinstance(call.inputs[0], Flow) and call.inputs[0].order:
        return call.inputs[0]  # shares of classes, divided by their sum
    raise QuantizeError("it divides a row by its own norm: use a Scaler")


@operator("FeatureVectorizer")
def feature_vectorizer(call: Call) -> Flow:
    flows = [call.flow(k) for k in range(len(call.inputs))]
    return joined([f.reshaped((f.width,)) for f in flows], 0)


@operator("LinearRegressor")
def linear_regressor(call: Call) -> Flow:
    flow, targets = row_of(call), int(call.attributes.get("targets", 1))
    matrix = call.numbers("coefficients").reshape(targets, -1)
    offset = call.numbers("intercepts", np.zeros(targets))
    return transformed(flow.sums(matrix, offset, (targets,)), call)


@operator("LinearClassifier")
def linear_classifier(call: Call) -> tuple[Label, Flow]:
    flow, classes = row_of(call), class_names(call)
    coefficients = call.numbers("coefficients")
    matrix = coefficients.reshape(-1, flow.width)
    scores = flow.sums(matrix, call.numbers("intercepts", np.zeros(len(matrix))), (len(matrix),))
    if len(matrix) == 1 and len(classes) == 2:
        both = scores.sums(np.array([[-1.0], [1.0]]), 0.0, (2,))
        return signed(scores, classes), both.ordered()
    return named(scores, classes), scores.ordered()


# ---- support vectors ----


def _machine(call: Call, width: int) -> SimpleNamespace:
    """The operator's numbers as scikit-learn's classes hold them."""
    kind = call.text("kernel_type", "LINEAR")
    if kind not in KERNELS:
        raise QuantizeError(f"its kernel {show(kind)} is not known: use RBF, LINEAR or POLY")
    gamma, coef0, degree = [*call.numbers("kernel_params", (0.0, 0.0, 0.0)), 0.0, 0.0, 0.0][:3]
    vectors = call.numbers("support_vectors", ()).reshape(-1, width)
    return SimpleNamespace(
        kernel=KERNELS[kind],
        _gamma=float(gamma),
        coef0=float(coef0),
        degree=int(degree),
        support_vectors_=vectors,
    )


@operator("SVMRegressor")
def svm_regressor(call: Call) -> Flow:
    flow = row_of(call)
    machine, weights = _machine(call, flow.width), call.numbers("coefficients")
    machine.intercept_ = call.numbers("rho")[:1]
    machine.coef_ = machine.dual_coef_ = weights[None, :]
    if call["one_class"]:
        raise QuantizeError("a detector of outliers by support vectors: use EllipticEnvelope")
    if machine.kernel == "linear" and len(machine.support_vectors_):
        machine.coef_ = machine.dual_coef_ @ machine.support_vectors_
    return transformed(_behind(flow, support_regressor(machine, _columns(flow)).steps), call)


def _behind(flow: Flow, steps: Any) -> Flow:
    for step in steps:
        flow = flow.then(step, (1,))
    return flow


def _columns(flow: Flow) -> tuple[str, ...]:
    return tuple(f"x{k}" for k in range(flow.width))


@operator("SVMClassifier")
def svm_classifier(call: Call) -> tuple[Label, Flow]:
    """Votes of every pair of classes, as libsvm counts them."""
    flow, classes = row_of(call), class_names(call)
    counts = call["vectors_per_class"]
    if not counts:
        return _linear_machine(call, flow, classes)
    machine, count = _machine(call, flow.width), len(classes)
    dual = call.numbers("coefficients").reshape(count - 1, -1)
    rho = call.numbers("rho")
    machine.classes_, machine.n_support_ = np.array(classes, dtype=object), list(map(int, counts))
    # of two classes scikit-learn's sum is that of the second, the operator's that of the first
    sign = -1.0 if count == 2 else 1.0
    machine.dual_coef_, machine.intercept_ = sign * dual, sign * rho[: count * (count - 1) // 2]
    if machine.kernel == "linear":
        from ..readers.sklearn_distances import _pair_coefficients as pairs_of

        pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
        machine.coef_ = pairs_of(machine, pairs) @ machine.support_vectors_
    part = support_classifier(machine, _columns(flow))
    assert part.head is not None
    found = _behind(flow, part.steps)
    return Label(flow.inputs, found.steps, part.head), found.ordered()


def _linear_machine(call: Call, flow: Flow, classes: list[Any]) -> tuple[Label, Flow]:
    matrix: Floats = call.numbers("coefficients").reshape(len(classes), flow.width)
    rho = np.broadcast_to(call.numbers("rho"), (len(classes),))
    scores = flow.then(Affine(matrix, rho.copy()), (len(classes),))
    return named(scores, classes), scores.ordered()
