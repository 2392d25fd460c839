"""A small ONNX graph for every operator that can be read."""

from collections.abc import Callable
from functools import cache

import numpy as np

try:
    from onnx import TensorProto, helper, numpy_helper
except ImportError:  # the tests of this folder say so
    TensorProto = helper = numpy_helper = None

WIDTH = 6
OPSET, OPSET_ML = 18, 3
RNG = np.random.default_rng(7)
ROWS = np.round(RNG.uniform(0.5, 6.0, (160, WIDTH)), 1)
CASES: dict[str, Callable[[], object]] = {}


def numbers(*shape):
    """Fixed coefficients between -1 and 1."""
    return np.random.default_rng(sum(shape)).uniform(-1, 1, shape).astype(np.float32)


def model(nodes, constants=None, label=False, inputs=None, opset=OPSET, opset_ml=OPSET_ML):
    """A model over x, (rows, 6), whose last node makes `y`."""
    kind = TensorProto.INT64 if label else TensorProto.FLOAT
    inputs = inputs or {"x": ["rows", WIDTH]}
    graph = helper.make_graph(
        nodes,
        "case",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", opset_ml)]
    imports.append(helper.make_opsetid("com.microsoft", 1))
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def node(op, inputs, output, **attributes):
    domain = "ai.onnx.ml" if op in ML else "com.microsoft" if op in OF_ONNXRUNTIME else ""
    outputs = output.split()
    name = f"{op}_{outputs[0]}"
    return helper.make_node(op, inputs.split(), outputs, domain=domain, name=name, **attributes)


def summed(source, width, *before, **constants):
    """A model whose last step is a weighted sum of `width` values of `source`."""
    constants["end"], constants["all"] = numbers(width, 1), np.array([-1, width])
    flat = node("Reshape", f"{source} all", "flat")
    return model([*before, flat, node("MatMul", "flat end", "y")], constants)


ML = {
    *("Scaler", "Imputer", "Normalizer", "FeatureVectorizer", "LinearRegressor", "TreeEnsemble"),
    *("LinearClassifier", "SVMRegressor", "SVMClassifier", "TreeEnsembleRegressor", "ZipMap"),
    *("TreeEnsembleClassifier", "ArrayFeatureExtractor", "Binarizer"),
}


OF_ONNXRUNTIME = {"QGemm", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearSoftmax"}


def case(*names):
    def register(make):
        for name in names:
            CASES[name] = lambda name=name: make(name)
        return make

    return register


@case("Abs", "Elu", "Exp", "LeakyRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign")
@case("Tanh", "HardSigmoid", "HardSwish", "Neg", "Identity", "Dropout")
def curve_of_sums(op):
    layer = node("Gemm", "x w b", "h")
    return summed(
        "a", 4, layer, node(op, "h", "a"), w=numbers(WIDTH, 4) / 4, b=numbers(4) * np.float32(2)
    )


@case("Gelu")
def gelu(op):
    ends = {"w": numbers(WIDTH, 4) / 4, "end": numbers(4, 1)}
    nodes = [node("MatMul", "x w", "h"), node(op, "h", "a"), node("MatMul", "a end", "y")]
    return model(nodes, ends, opset=20)


@case("Log", "Sqrt", "Reciprocal", "Pow")
def curve_of_inputs(op):
    extra = {"k": np.float32(1.7)} if op == "Pow" else {}
    if op == "Reciprocal":  # away from 0, which is within the accepted range
        far = node("Add", "x k", "h")
        return summed("a", WIDTH, far, node(op, "h", "a"), k=np.float32(3.0))
    return summed("a", WIDTH, node(op, "x" + " k" * len(extra), "a"), **extra)


@case("Clip")
def clip(op):
    return summed(
        "a",
        WIDTH,
        node(op, "x low high", "a"),
        low=np.float32(1.0),
        high=np.float32(4.0),
    )


@case("Binarizer")
def binarizer(op):
    return summed("a", WIDTH, node(op, "x", "a", threshold=2.05))


@case("PRelu", "Add", "Sub", "Mul", "Div")
def with_constant(op):
    layer = node("MatMul", "x w", "h")
    k = np.abs(numbers(1, 4)) + np.float32(0.2)
    return summed("a", 4, layer, node(op, "h k", "a"), w=numbers(WIDTH, 4), k=k)


@case("Sum", "Mean", "Max", "Min")
def of_two(op):
    layers = node("MatMul", "x w", "h"), node("MatMul", "x v", "g")
    return summed(
        "a", 4, *layers, node(op, "h g", "a"), w=numbers(WIDTH, 4), v=numbers(WIDTH, 5)[:, :4]
    )


@case("MatMul", "Gemm")
def sums(op):
    return model([node(op, "x w", "y")], {"w": numbers(WIDTH, 1)})


@case("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Slice", "Gather")
@case("Split", "Pad", "Shape", "Cast", "ArrayFeatureExtractor")
def moved(op):
    integers = {k: np.array(v) for k, v in (("p", [-1, 2, 3]), ("one", [1]), ("at", [2, 0, 1]))}
    steps = {
        "Reshape": [node("Reshape", "x p", "a")],
        "Flatten": [node("Reshape", "x p", "h"), node("Flatten", "h", "a")],
        "Unsqueeze": [node("Unsqueeze", "x one", "a")],
        "Squeeze": [node("Unsqueeze", "x one", "h"), node("Squeeze", "h one", "a")],
        "Transpose": [node("Reshape", "x p", "h"), node("Transpose", "h", "a", perm=[0, 2, 1])],
        "Concat": [node("Neg", "x", "h"), node("Concat", "h x", "a", axis=1)],
        "Slice": [node("Slice", "x one end4 one", "a")],
        "Gather": [node("Gather", "x at", "a", axis=1)],
        "Split": [node("Split", "x", "g a", axis=1, num_outputs=2)],
        "Pad": [node("Pad", "x pads", "a")],
        "Shape": [
            *(node("Shape", "x", "s"), node("Concat", "s one", "t", axis=0)),
            node("Reshape", "x t", "a"),
        ],
        "Cast": [node("Cast", "x", "a", to=1)],
        "ArrayFeatureExtractor": [node("ArrayFeatureExtractor", "x at", "a")],
    }[op]
    widths = {"Concat": 12, "Slice": 3, "Gather": 3, "Split": 3, "Pad": 8}
    widths["ArrayFeatureExtractor"] = 3
    more = {"end4": np.array([4]), "pads": np.array([0, 1, 0, 1])}
    return summed("a", widths.get(op, WIDTH), *steps, **integers, **more)


@case("Conv", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")
def windows(op):
    three = np.array([-1, 2, 3])
    front = [node("Reshape", "x three", "h")]
    if op == "Conv":
        last, width = node(op, "h k b", "a", pads=[1, 1], kernel_shape=[3]), 9
    elif op.startswith("Global"):
        last, width = node(op, "h", "a"), 2
    else:
        last, width = node(op, "h", "a", kernel_shape=[2]), 4
    return summed("a", width, *front, last, three=three, k=numbers(3, 2, 3), b=numbers(3))


@case("ReduceSum", "ReduceMean", "ReduceMax", "ReduceSumSquare")
def reduced(op):
    three, last = np.array([-1, 2, 3]), np.array([2])
    front = [node("Reshape", "x three", "h"), node(op, "h last", "a", keepdims=0)]
    return summed("a", 2, *front, three=three, last=last)


@case("BatchNormalization")
def batch(op):
    k = {n: np.abs(numbers(4)) + np.float32(0.5) for n in "sbmv"}
    front = [node("MatMul", "x w", "h"), node(op, "h s b m v", "n"), node("Relu", "n", "a")]
    return summed("a", 4, *front, w=numbers(WIDTH, 4), **k)


@case("Softmax", "LogSoftmax")
def softmax(op):
    w = {"w": numbers(WIDTH, 3), "b": numbers(3)}
    return model([node("Gemm", "x w b", "h"), node(op, "h", "y", axis=1)], w)


@case("ArgMax", "ArgMin")
def largest(op):
    w = {"w": numbers(WIDTH, 3), "b": numbers(3)}
    last = node(op, "h", "y", axis=1, keepdims=0)
    return model([node("Gemm", "x w b", "h"), last], w, label=True)


# ---- ai.onnx.ml ----


@case("Scaler")
def scaler(op):
    middle, factor = [3.0] * WIDTH, [0.5, 1.0, 2.0, 0.25, 1.5, 0.75]
    return summed("a", WIDTH, node(op, "x", "a", offset=middle, scale=factor))


@case("Imputer")
def imputer(op):
    step = node(op, "x", "a", imputed_value_floats=[1.0] * WIDTH, replaced_value_float=0.5)
    return summed("a", WIDTH, step)


@case("FeatureVectorizer")
def vectorizer(op):
    step = node(op, "x g", "a", inputdimensions=[WIDTH, WIDTH])
    return summed("a", 2 * WIDTH, node("Neg", "x", "g"), step)


@case("LinearRegressor")
def linear(op):
    numbers_ = {"coefficients": numbers(WIDTH).tolist(), "intercepts": [0.5], "targets": 1}
    return model([node(op, "x", "y", **numbers_)])


@case("LinearClassifier", "Normalizer", "ZipMap")
def linear_classes(op):
    step = node(
        "LinearClassifier",
        "x",
        "y p",
        coefficients=numbers(3, WIDTH).ravel().tolist(),
        intercepts=[0.1, 0.2, -0.3],
        classlabels_ints=[4, -7, 9],
        post_transform="SOFTMAX",
    )
    if op == "LinearClassifier":
        return model([step], label=True)
    if op == "ZipMap":  # behind the shares, beside the label
        return model([step, node(op, "p", "z", classlabels_int64s=[4, -7, 9])], label=True)
    step.output[:] = ["l", "p"]
    return model([step, node("Normalizer", "p", "y", norm="L1")])


def _tree(prefix):
    ids = {"nodes_treeids": [0] * 5 + [1] * 3, "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2]}
    return dict(
        **ids,
        nodes_featureids=[0, 1, 0, 0, 0, 2, 0, 0],
        nodes_modes=["BRANCH_LEQ", "BRANCH_LT", *["LEAF"] * 3, "BRANCH_GT", "LEAF", "LEAF"],
        nodes_values=[2.5, 3.0, 0.0, 0.0, 0.0, 4.1, 0.0, 0.0],
        nodes_truenodeids=[1, 2, 0, 0, 0, 1, 0, 0],
        nodes_falsenodeids=[4, 3, 0, 0, 0, 2, 0, 0],
        **{
            f"{prefix}_treeids": [0, 0, 0, 1, 1],
            f"{prefix}_nodeids": [2, 3, 4, 1, 2],
            f"{prefix}_weights": [1.0, -2.0, 0.5, 0.25, 4.0],
        },
    )


@case("TreeEnsembleRegressor")
def trees(op):
    return model([node(op, "x", "y", n_targets=1, target_ids=[0] * 5, **_tree("target"))])


@case("TreeEnsembleClassifier")
def tree_classes(op):
    more = {"class_ids": [0, 1, 2, 1, 0], "classlabels_int64s": [1, 2, 3]}
    return model([node(op, "x", "y p", **more, **_tree("class"))], label=True)


@case("TreeEnsemble")
def tree_ensemble(op):
    step = node(
        op,
        "x",
        "y",
        n_targets=1,
        aggregate_function=1,
        post_transform=0,
        tree_roots=[0, 2],
        nodes_featureids=[0, 1, 2],
        nodes_splits=numpy_helper.from_array(np.array([2.5, 3.0, 4.1], np.float32)),
        nodes_modes=numpy_helper.from_array(np.array([0, 1, 3], np.uint8)),
        nodes_truenodeids=[1, 0, 3],
        nodes_trueleafs=[0, 1, 1],
        nodes_falsenodeids=[2, 1, 4],
        nodes_falseleafs=[1, 1, 1],
        leaf_targetids=[0] * 5,
        leaf_weights=numpy_helper.from_array(np.array([1, -2, 0.5, 0.25, 4], np.float32)),
    )
    return model([step], opset_ml=5)


@case("SVMRegressor")
def machine(op):
    return model(
        [
            node(
                op,
                "x",
                "y",
                kernel_type="RBF",
                kernel_params=[0.1, 0.0, 3.0],
                support_vectors=ROWS[:5].ravel().tolist(),
                coefficients=[1.0, -0.5, 0.75, 0.3, -0.8],
                n_supports=5,
                rho=[0.2],
            )
        ]
    )


@case("SVMClassifier")
def machine_classes(op):
    return model(
        [
            node(
                op,
                "x",
                "y p",
                kernel_type="LINEAR",
                kernel_params=[0.0, 0.0, 3.0],
                support_vectors=ROWS[:6].ravel().tolist(),
                vectors_per_class=[2, 2, 2],
                coefficients=[1.0, -1.0] * 3 + [-1.0, 1.0] * 3,
                rho=[2.0, -1.0, 0.5],
                classlabels_ints=[0, 1, 2],
            )
        ],
        label=True,
    )


@cache
def written(name):
    """The file of an operator's case."""
    return CASES[name]().SerializeToString()
