"""The rules of each operation: at a limit a number is taken, beyond it the node is refused in the
rule's words, which name the operation as the model file does, also where its rules are another's.
"""

from dataclasses import replace

import pytest

from tinygen.common.errors import ModelError
from tinygen.model.nodes import NODES, Bounds
from tinygen.model.operations.activation import Activation
from tinygen.model.operations.argmax import Median, Neighbours, Trees
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.exp2 import Exp2
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.leaf_lines import LeafLines
from tinygen.model.operations.log2 import Log2
from tinygen.model.operations.lookup import Curve, Lookup
from tinygen.model.operations.monomials import Monomials
from tinygen.model.operations.outside import Outside
from tinygen.model.operations.power import Power
from tinygen.model.operations.quantized import QuantizedConv, QuantizedDense
from tinygen.model.operations.scale import Calibrate, Scale

I16, U16, I32 = 2**15 - 1, 2**16 - 1, 2**31 - 1


def inside(width, low=-100, high=100):
    return Bounds((low,) * width, (high,) * width)


ONE, TWO = inside(1), inside(2)
DENSE = Dense(((1, 2), (3, -4)), (5, 6), 2, -99, 99)
QUANTIZED = QuantizedDense(((1, 2), (3, -4)), (5, 6), (2**30, 2**30), (3, 3), 0, -128, 127)
CONV = QuantizedConv(((1,),), (0,), (2**30,), (3,), 0, -128, 127)
NEAR = Neighbours(((1, 2), (3, -4)), (5, 6), 1, ((7,), (8,)))
FOREST = Forest(((0, 5, -1, -2),), ((1,), (2,)), (0,), (3,), -9, 9)
LINES = LeafLines(((0, 5, -1, -2),), ((1, 2), (3, -4)), (5, 6), 2, -99, 99)
SCALE = Scale((0, 0), (10, 10), 8, 255, 128)
CALIBRATE = Calibrate(4096, 0, -100, 100)
OUTSIDE = Outside((0, 0), (9, 9))
MONOMIALS = Monomials(((0,), (0, 1), (1, 1, 1)), 7)
LOOKUP = Lookup((Curve(0, 0, 4, (0, 100, 50)),), True)


def curved(**changed):
    return replace(LOOKUP, curves=(replace(LOOKUP.curves[0], **changed),))


def going_down(depth):
    """A tree with a leaf at every split."""
    splits = ((0, k, -1, k + 1 if k < depth - 1 else -2) for k in range(depth))
    return replace(FOREST, splits=tuple(splits))


def levels(depth):
    """Lines in the leaves of a tree with one at every split."""
    splits = ((0, k, -1 - k, k + 1 if k < depth - 1 else -2 - k) for k in range(depth))
    return replace(
        LINES, splits=tuple(splits), weights=((1, 2),) * (depth + 1), bias=(0,) * (depth + 1)
    )


# of each rule: its words, a node at the limit, and one beyond or the first's field with another
# value; each with what it reads where that is not the operation's usual
RULES = {
    "dense": (
        TWO,
        [
            ("one bias per row", DENSE, replace(DENSE, bias=(5,))),
            ("one bias per row", DENSE, replace(DENSE, bias=(5, 6, 7))),
            ("one weight per input", DENSE, replace(DENSE, weights=((1, 2), (3,)))),
            ("inputs within", (DENSE, inside(2, 0, I16)), (DENSE, inside(2, 0, I16 + 1))),
            (
                "weights within",
                replace(DENSE, weights=((I16, 0),) * 2),
                "weights",
                ((-I16 - 1, 0),) * 2,
            ),
            (
                "weights within",
                replace(DENSE, weights=((-I16, 0),) * 2),
                "weights",
                ((0, I16 + 1),) * 2,
            ),
            ("shift within 0 .. 24", replace(DENSE, shift=24), replace(DENSE, shift=25)),
            ("shift within 0 .. 24", replace(DENSE, shift=0), replace(DENSE, shift=-1)),
            ("bias_shift", replace(DENSE, bias_shift=16), replace(DENSE, bias_shift=17)),
            ("bias_shift", replace(DENSE, bias_shift=0), replace(DENSE, bias_shift=-1)),
            ("bias within", replace(DENSE, bias=(I32, 0)), replace(DENSE, bias=(0, I32 + 1))),
            ("bias within", replace(DENSE, bias=(-I32, 0)), replace(DENSE, bias=(-I32 - 1, 0))),
            (
                "shift of a sum of 16 bits within 0 .. 15",  # what rounds is half of the last bit
                replace(DENSE, weights=((0, 0),) * 2, bias=(-(2**14),) * 2, shift=15),
                replace(DENSE, weights=((0, 0),) * 2, bias=(-(2**15),) * 2, shift=16),
            ),
            ("low <= high", replace(DENSE, low=99), replace(DENSE, low=100)),
        ],
    ),
    "quantized_dense": (
        TWO,
        [
            ("rows within", QUANTIZED, QuantizedDense((), (), (), (), 0, -128, 127)),
            ("a bias, multiplier and shift", QUANTIZED, replace(QUANTIZED, bias=(1,))),
            ("a bias, multiplier and shift", QUANTIZED, replace(QUANTIZED, bias=(1, 2, 3))),
            ("a bias, multiplier and shift", QUANTIZED, replace(QUANTIZED, multiplier=(1,))),
            ("a bias, multiplier and shift", QUANTIZED, replace(QUANTIZED, multiplier=(1,) * 3)),
            ("a bias, multiplier and shift", QUANTIZED, replace(QUANTIZED, shift=(1,))),
            ("a bias, multiplier and shift", QUANTIZED, replace(QUANTIZED, shift=(1,) * 3)),
            (
                "a bias, multiplier and shift",
                QUANTIZED,
                replace(QUANTIZED, multiplier=(1,), shift=(1,)),
            ),
            (
                "a bias, multiplier and shift",
                QUANTIZED,
                replace(QUANTIZED, multiplier=(1,) * 3, shift=(1,) * 3),
            ),
            ("one weight per input", QUANTIZED, replace(QUANTIZED, weights=((1, 2), (3,)))),
            ("one weight per input", replace(QUANTIZED, weights=((1,),) * 2), (QUANTIZED, ONE)),
            ("inputs within", (QUANTIZED, inside(2, 0, I16)), (QUANTIZED, inside(2, 0, I16 + 1))),
            (
                "weights within",
                replace(QUANTIZED, weights=((I16, 0),) * 2),
                "weights",
                ((0, -I16 - 1),) * 2,
            ),
            (
                "weights within",
                replace(QUANTIZED, weights=((-I16, 0),) * 2),
                "weights",
                ((0, I16 + 1),) * 2,
            ),
            ("bias within", replace(QUANTIZED, bias=(I32, -I32)), "bias", (I32 + 1, 0)),
            ("bias within", QUANTIZED, "bias", (0, -I32 - 1)),
            ("multiplier within", replace(QUANTIZED, multiplier=(0, I32)), "multiplier", (-1, 1)),
            ("multiplier within", QUANTIZED, "multiplier", (1, I32 + 1)),
            ("shift within 1 .. 30", replace(QUANTIZED, shift=(1, 30)), "shift", (0, 1)),
            ("shift within 1 .. 30", QUANTIZED, "shift", (1, 31)),
            ("zero within", replace(QUANTIZED, zero=-128), "zero", -129),
            ("zero within", replace(QUANTIZED, zero=127), "zero", 128),
            ("low and high are int8", QUANTIZED, "low", -129),
            ("low and high are int8", QUANTIZED, "high", 128),
            (
                "low and high are int8",
                replace(QUANTIZED, low=127),
                replace(QUANTIZED, low=5, high=4),
            ),
        ],
    ),
    "quantized_conv": (
        ONE,
        [
            ("sums within", replace(CONV, bias=(2**29 - 101,)), "bias", (2**29 - 100,)),
            ("sums within", replace(CONV, bias=(101 - 2**29,)), "bias", (100 - 2**29,)),
        ],
    ),
    "neighbours": (
        TWO,
        [
            ("rows within", NEAR, Neighbours((), (), 1, ())),
            ("a bias and values per row", NEAR, replace(NEAR, bias=(5,))),
            ("a bias and values per row", NEAR, replace(NEAR, bias=(5, 6, 7))),
            ("a bias and values per row", NEAR, replace(NEAR, values=((7,),))),
            ("a bias and values per row", NEAR, replace(NEAR, values=((7,),) * 3)),
            ("a bias and values per row", NEAR, replace(NEAR, bias=(5,), values=((7,),))),
            ("a bias and values per row", NEAR, replace(NEAR, bias=(5,) * 3, values=((7,),) * 3)),
            ("one weight per input", NEAR, replace(NEAR, weights=((1, 2), (3,)))),
            ("values of one length", NEAR, replace(NEAR, values=((7,), (8, 9)))),
            ("inputs within", (NEAR, inside(2, 0, I16)), (NEAR, inside(2, 0, I16 + 1))),
            (
                "weights within",
                replace(NEAR, weights=((I16, -I16),) * 2),
                "weights",
                ((I16 + 1, 0),) * 2,
            ),
            ("weights within", NEAR, "weights", ((-I16 - 1, 0),) * 2),
            ("bias within", replace(NEAR, bias=(I32, -I32)), "bias", (I32 + 1, 0)),
            ("bias within", NEAR, "bias", (0, -I32 - 1)),
            ("count within 1 .. 2", replace(NEAR, count=2), "count", 3),
            ("count within 1 .. 2", NEAR, "count", 0),
            ("values within", replace(NEAR, values=((I16,), (-I16,))), "values", ((I16 + 1,),) * 2),
            ("values within", NEAR, "values", ((-I16 - 1,),) * 2),
        ],
    ),
    "median": (
        TWO,
        [
            ("one weight per element", Median((1, 1)), Median((1,))),
            ("one weight per element", Median((1, 1)), Median((1, 1, 1))),
            ("weights within", Median((1, U16)), Median((0, 1))),
            ("weights within", Median((1, U16)), Median((1, U16 + 1))),
        ],
    ),
    "forest": (
        ONE,
        [
            ("inputs within", (FOREST, inside(1, 0, I16)), (FOREST, inside(1, 0, I16 + 1))),
            ("trees within", replace(FOREST, roots=(0,) * 255), "roots", (0,) * 256),
            ("trees within", FOREST, "roots", ()),
            ("leaves within", FOREST, "leaves", ()),
            ("bias within", replace(FOREST, bias=(I32 - 2,)), "bias", (I32 + 1,)),
            ("bias within", replace(FOREST, bias=(-I32,)), "bias", (-I32 - 1,)),
            ("one leaf value per output", FOREST, "leaves", ((1,), (2, 3))),
            ("four numbers per split", FOREST, "splits", ((0, 5, -1),)),
            (
                "leaf values within",
                replace(FOREST, leaves=((I16,), (-I16,))),
                "leaves",
                ((I16 + 1,),),
            ),
            ("leaf values within", FOREST, "leaves", ((1,), (-I16 - 1,))),
            ("input of a split", FOREST, "splits", ((1, 5, -1, -2),)),
            ("input of a split", FOREST, "splits", ((-1, 5, -1, -2),)),
            (
                "thresholds within",
                replace(FOREST, splits=((0, I16, -1, -2),)),
                "splits",
                ((0, I16 + 1, -1, -2),),
            ),
            (
                "thresholds within",
                replace(FOREST, splits=((0, -I16, -1, -2),)),
                "splits",
                ((0, -I16 - 1, -1, -2),),
            ),
            ("depth of a tree", going_down(255), going_down(256)),
            ("a child stands after its parent", going_down(2), "splits", ((0, 5, -1, 0),)),
            ("a child stands after its parent", going_down(2), "splits", ((0, 5, -1, 1),)),
            ("a leaf exists", FOREST, "splits", ((0, 5, -1, -3),)),
            ("low <= high", replace(FOREST, low=9), "low", 10),
        ],
    ),
    "leaf_lines": (
        TWO,
        [
            (
                "leaves within",
                replace(LINES, weights=((1, 2),) * 255, bias=(0,) * 255),
                replace(LINES, weights=((1, 2),) * 256, bias=(0,) * 256),
            ),
            ("one row of weights per bias", LINES, "bias", (5,)),
            ("one row of weights per bias", LINES, "bias", (5, 6, 7)),
            ("one weight per input", LINES, "weights", ((1, 2), (3,))),
            ("one weight per input", LINES, (LINES, ONE)),
            ("a leaf exists", LINES, "splits", ((0, 5, -1, -3),)),
            (
                "limit of a split",
                replace(LINES, splits=((0, 99, -1, -2),)),
                "splits",
                ((0, 100, -1, -2),),
            ),
            (
                "limit of a split",
                replace(LINES, splits=((0, -100, -1, -2),)),
                "splits",
                ((0, -101, -1, -2),),
            ),
            ("levels within 1 .. 12", levels(12), levels(13)),
            ("a child stands after its parent", levels(1), "splits", ()),
            (
                "weights within",
                replace(LINES, weights=((I16, 0), (0, -I16))),
                "weights",
                ((I16 + 1, 0),) * 2,
            ),
            ("weights within", LINES, "weights", ((0, -I16 - 1),) * 2),
            ("shift within 0 .. 24", replace(LINES, shift=24), "shift", 25),
            ("shift within 0 .. 24", replace(LINES, shift=0), "shift", -1),
            ("bias within", replace(LINES, bias=(I32 - 1000, 0)), "bias", (0, I32 + 1)),
            ("bias within", replace(LINES, bias=(1000 - I32, 0)), "bias", (0, -I32 - 1)),
            ("low <= high", replace(LINES, low=99), "low", 100),
        ],
    ),
    "trees": (
        ONE,
        [
            ("leaf values within", Trees((), (I16, -I16), (-1, -2)), Trees((), (I16 + 1,), (-1,))),
            ("a leaf exists", Trees((), (1,), (-1,)), Trees((), (1,), (-2,))),
        ],
    ),
    "lookup": (
        ONE,
        [
            ("inputs within", (LOOKUP, inside(1, 0, I16)), (LOOKUP, inside(1, 0, I16 + 1))),
            (
                "number of curves",
                replace(LOOKUP, curves=LOOKUP.curves * 255),
                "curves",
                LOOKUP.curves * 256,
            ),
            ("number of curves", LOOKUP, "curves", ()),
            ("bias within", replace(LOOKUP, bias=I32 - 100), "bias", I32 + 1),
            ("bias within", replace(LOOKUP, bias=-I32), "bias", -I32 - 1),
            ("source within", LOOKUP, curved(source=1)),
            ("source within", LOOKUP, curved(source=-1)),
            ("step_bits within", curved(step_bits=14), curved(step_bits=15)),
            ("step_bits within", curved(step_bits=0), curved(step_bits=-1)),
            ("nodes of a curve", curved(table=(0,) * 257), curved(table=(0,) * 258)),
            ("nodes of a curve", curved(table=(0,) * 2), curved(table=(0,))),
            (
                "raw steps the grid spans",
                curved(step_bits=14, table=(0,) * 5),
                curved(step_bits=14, table=(0,) * 6),
            ),
            ("origin within", curved(origin=I16), curved(origin=I16 + 1)),
            ("origin within", curved(origin=-I16), curved(origin=-I16 - 1)),
            ("table within", curved(table=(I16, 0, -I16)), curved(table=(I16 + 1, I16))),
            ("table within", LOOKUP, curved(table=(-I16 - 1, -I16))),
            ("difference of neighbouring", curved(table=(0, -I16)), curved(table=(1, -I16))),
            ("low <= high", replace(LOOKUP, low=I16), replace(LOOKUP, low=5, high=4)),
        ],
    ),
    "activation": (
        TWO,
        [
            (
                "inputs within",
                (Activation(0, 4, (0, 9)), inside(2, 0, I16)),
                (Activation(0, 4, (0, 9)), inside(2, 0, I16 + 1)),
            ),
            ("nodes of a curve", Activation(0, 4, (0, 9)), Activation(0, 4, (0,))),
        ],
    ),
    "monomials": (
        TWO,
        [
            ("degree within", MONOMIALS, "terms", ((),)),
            ("degree within", MONOMIALS, "terms", ((0, 0, 0, 0),)),
            ("source within", MONOMIALS, "terms", ((2,),)),
            ("source within", MONOMIALS, "terms", ((-1,),)),
            (
                "bits within",
                (replace(MONOMIALS, bits=1), inside(2, -2, 2)),
                (replace(MONOMIALS, bits=0), inside(2, -1, 1)),
            ),
            ("bits within", MONOMIALS, "bits", 8),
            ("inputs within", (MONOMIALS, inside(2, -128, 128)), (MONOMIALS, inside(2, -129, 0))),
            ("inputs within", (MONOMIALS, inside(2, -128, 128)), (MONOMIALS, inside(2, 0, 129))),
        ],
    ),
    "power": (
        inside(1, 0, U16),
        [
            ("degree within", Power(2), Power(1)),
            ("degree within", Power(3), Power(4)),
            ("inputs within", Power(2), (Power(2), inside(2, 0, 9))),
            ("input within", Power(2), (Power(2), inside(1, -1, 9))),
            ("input within", Power(2), (Power(2), inside(1, 0, U16 + 1))),
            (
                "input within",
                (Power(2, fine=True), inside(1, 0, U16 - 1)),
                (Power(2, fine=True), inside(1, 0, U16)),
            ),
        ],
    ),
    "exp2": (
        inside(1, 0, Exp2.most),
        [
            ("inputs within", Exp2(), (Exp2(), inside(2, 0, 9))),
            ("input within", Exp2(), (Exp2(), inside(1, -1, 9))),
            ("input within", Exp2(), (Exp2(), inside(1, 0, Exp2.most + 1))),
        ],
    ),
    "log2": (
        TWO,
        [
            ("columns within", Log2((0, 1)), Log2((0, 2))),
            ("columns within", Log2((0, 1)), Log2((-1, 1))),
            ("columns ascend", Log2((0, 1)), Log2((1, 0))),
            ("columns ascend", Log2((1,)), Log2((1, 1))),
            ("columns ascend", Log2((1,)), Log2(())),
            ("inputs within", (Log2((0,)), inside(2, 0, I16)), (Log2((0,)), inside(2, 0, I16 + 1))),
        ],
    ),
    "outside": (
        TWO,
        [
            ("one interval per input", OUTSIDE, "low", (0,)),
            ("one interval per input", OUTSIDE, "low", (0,) * 3),
            ("one interval per input", OUTSIDE, "high", (9,)),
            ("one interval per input", OUTSIDE, "high", (9,) * 3),
            ("one interval per input", OUTSIDE, (OUTSIDE, ONE)),
            ("one interval per input", OUTSIDE, (OUTSIDE, inside(3))),
            ("inputs within", (OUTSIDE, inside(2, 0, I16)), (OUTSIDE, inside(2, 0, I16 + 1))),
            ("lowest usual value", replace(OUTSIDE, low=(-I16, 0)), "low", (-I16 - 1, 0)),
            ("highest usual value", replace(OUTSIDE, high=(I16, 9)), "high", (9, I16 + 1)),
            ("highest usual value", OUTSIDE, "high", (9, -I16 - 1)),
            ("low <= high", replace(OUTSIDE, low=(0, 9)), "low", (0, 10)),
        ],
    ),
    "scale": (
        TWO,
        [
            ("one low and multiplier", SCALE, "low", (0,)),
            ("one low and multiplier", SCALE, "low", (0,) * 3),
            ("one low and multiplier", SCALE, "multiplier", (10,)),
            ("one low and multiplier", SCALE, "multiplier", (10,) * 3),
            ("one low and multiplier", SCALE, (SCALE, inside(3))),
            ("one low and multiplier", SCALE, (SCALE, ONE)),
            ("inputs within", (SCALE, inside(2, 0, I16)), (SCALE, inside(2, 0, I16 + 1))),
            ("shift 8 or 16, not 7", SCALE, "shift", 7),
            ("shift 8 or 16, not 9", replace(SCALE, shift=16), "shift", 9),
            ("multiplier within", replace(SCALE, multiplier=(1, U16)), "multiplier", (0, 1)),
            ("multiplier within", SCALE, "multiplier", (1, U16 + 1)),
            ("top within", replace(SCALE, top=I16), "top", I16 + 1),
            ("top within", replace(SCALE, top=0, zero=0), replace(SCALE, top=-1, zero=0)),
            ("zero within", replace(SCALE, zero=255), "zero", 256),
            ("zero within", replace(SCALE, zero=0), "zero", -1),
            ("low within", replace(SCALE, low=(-I16, I16)), "low", (-I16 - 1, 0)),
            ("low within", SCALE, "low", (0, I16 + 1)),
        ],
    ),
    "calibrate": (
        ONE,
        [
            ("inputs within", CALIBRATE, (CALIBRATE, TWO)),
            ("gain within", replace(CALIBRATE, gain=2048), "gain", 2047),
            ("gain within", replace(CALIBRATE, gain=8192), "gain", 8193),
            ("offset within", replace(CALIBRATE, offset=2**29 - 1), "offset", 2**29),
            ("offset within", replace(CALIBRATE, offset=1 - 2**29), "offset", -(2**29)),
            ("live within", replace(CALIBRATE, live=1), "live", 2),
            ("live within", replace(CALIBRATE, live=0), "live", -1),
            ("low <= high", replace(CALIBRATE, low=100), "low", 101),
        ],
    ),
}
WITHOUT_RULES = {"argmax"}  # takes whatever stands before it


def pair(node, usual):
    return node if isinstance(node, tuple) else (node, usual)


@pytest.mark.parametrize(
    ("usual", "words", "taken", "refused"),
    [
        pytest.param(usual, words, taken, refused, id=f"{op}, {k}: {words}")
        for op, (usual, rules) in RULES.items()
        for k, (words, taken, *refused) in enumerate(rules)
    ],
)
def test_a_rule_holds_up_to_its_limit(usual, words, taken, refused):
    node, reads = pair(taken, usual)
    node.bounds(reads)
    if len(refused) == 2:
        name, value = refused
        wrong, reads = replace(node, **{name: value}), usual
    else:
        wrong, reads = pair(refused[0], usual)
    with pytest.raises(ModelError, match=f": {wrong.op}: .*{words}"):
        wrong.bounds(reads)


def test_every_operation_has_its_rules_here():
    assert set(RULES) | WITHOUT_RULES == set(NODES)
