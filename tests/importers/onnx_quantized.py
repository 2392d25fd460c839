"""Small graphs of the operators that quantized ONNX files are made of."""

import numpy as np
from onnx_cases import OPSET, WIDTH, case, model, node, summed

SMALL = {"xs": np.float32(0.024), "xz": np.uint8(2), "hs": np.float32(0.07), "hz": np.uint8(131)}


def whole(*shape, kind=np.int8):
    ends = np.iinfo(kind)
    return np.random.default_rng(sum(shape)).integers(ends.min + 1, ends.max + 1, shape, kind)


@case("QuantizeLinear", "DequantizeLinear")
def quantized(op):
    """Both, around a layer whose weights are quantized as well; one scale a channel."""
    steps = [
        *(node("QuantizeLinear", "x xs xz", "q"), node("DequantizeLinear", "q xs xz", "d")),
        node("DequantizeLinear", "w ws wz", "wd", axis=1),
        node("DequantizeLinear", "b bs", "bd"),
        node("Gemm", "d wd bd", "g"),
        *(node("Relu", "g", "r"), node("QuantizeLinear", "r hs zero", "h")),
        node("DequantizeLinear", "h hs zero", "a"),
    ]
    ws = np.array([0.004, 0.006, 0.003, 0.005], np.float32)
    more = {"w": whole(WIDTH, 4), "ws": ws, "wz": np.zeros(4, np.int8), "zero": np.uint8(0)}
    more |= {"b": np.array([900, -300, 1000, 0], np.int32), "bs": np.float32(0.0001)}
    return summed("a", 4, *steps, **SMALL, **more)


@case("QLinearMatMul", "QGemm", "MatMulInteger", "QLinearAdd", "QLinearMul", "QLinearSigmoid")
@case("QLinearSoftmax")
def integer_layer(op):
    q = node("QuantizeLinear", "x xs xz", "q")
    more = {"w": whole(WIDTH, 4), "ws": np.float32(0.004), "wz": np.int8(3)}
    more |= {"c": np.array([900, -300, 1000, 0], np.int32)}
    back = node("DequantizeLinear", "h hs hz", "a")
    if op == "MatMulInteger":
        layer = [node(op, "q w xz wz", "i"), node("Cast", "i", "f", to=1), node("Mul", "f s", "a")]
        return summed("a", 4, q, *layer, s=np.float32(0.0001), **SMALL, **more)
    end = "hs hz"
    layer = [node("QLinearMatMul", f"q xs xz w ws wz {end}", "h")]
    if op == "QGemm":
        layer = [node(op, f"q xs xz w ws wz c {end}", "h")]
    elif op in ("QLinearAdd", "QLinearMul"):
        layer[0].output[0] = "m"
        layer += [node(op, f"m {end} k ks xz {end}", "h")]
        more |= {"k": np.array([[9, 200, 90, 50]], np.uint8), "ks": np.float32(0.006)}
    elif op != "QLinearMatMul":
        layer[0].output[0] = "m"
        more_of = {"axis": 1, "opset": OPSET} if "max" in op else {}
        layer += [node(op, f"m {end} share low", "h", **more_of)]
        more |= {"share": np.float32(1 / 256), "low": np.uint8(0)}
        back = node("DequantizeLinear", "h share low", "y" if "max" in op else "a")
        if "max" in op:
            return model([q, *layer, back], {**SMALL, **more})
    return summed("a", 4, q, *layer, back, **SMALL, **more)


@case("QLinearConv", "ConvInteger")
def integer_window(op):
    three = np.array([-1, 2, 3])
    q = [node("QuantizeLinear", "x xs xz", "q"), node("Reshape", "q three", "h")]
    more = {"k": whole(3, 2, 3), "ks": np.array([0.004, 0.005, 0.006], np.float32)}
    more |= {"kz": np.zeros(3, np.int8), "b": np.array([5, -900, 700], np.int32)}
    window = {"pads": [1, 1], "kernel_shape": [3]}
    if op == "QLinearConv":
        last = [node(op, "h xs xz k ks kz hs hz b", "i", **window)]
        last += [node("DequantizeLinear", "i hs hz", "a")]
    else:
        more |= {"k": whole(3, 2, 3, kind=np.uint8), "kz": np.uint8(120), "s": np.float32(0.0001)}
        last = [node(op, "h k xz kz", "i", **window), node("Cast", "i", "f", to=1)]
        last += [node("Mul", "f s", "a")]
    return summed("a", 9, *q, *last, three=three, **SMALL, **more)
