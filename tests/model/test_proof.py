"""Every rule of the proof: a chain that breaks it and nothing else.

A rule stands for a C type: an index, a counter, a shift, an accumulator. Each chain here is refused
by its rule, and would pass the proof (or stop the proof itself) if that rule were deleted.
"""

import ast
import re
from pathlib import Path

import pytest

import tinygen.model.operations as operations
from tinygen.common.errors import ModelError
from tinygen.model import nodes as proof
from tinygen.model.nodes import prove
from tinygen.model.operations.activation import Activation
from tinygen.model.operations.argmax import Median, Neighbours
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

LOWEST = -32768
FLAT = (0, 1)
WIDE = Lookup((Curve(0, 0, 7, (0, 32767)),), True, 32767, 0, 65535)  # answers a uint16
BYTE = Scale((0,), (255,), 8, 255, 128)


def lookup(source=0, origin=0, step_bits=7, table=FLAT, curves=1, **rest) -> Lookup:
    return Lookup((Curve(source, origin, step_bits, table),) * curves, **{"total": True, **rest})


def activation(table=FLAT, origin=0, step_bits=7) -> Activation:
    return Activation(origin, step_bits, table)


def both(**fields) -> list[tuple]:
    """A curve as one of a lookup's, and as that of all elements."""
    return [(lookup(**fields),), (BYTE, activation(**fields))]


def forest(splits=(), leaves=((1,),), roots=(-1,), bias=(0,), low=-99, high=99) -> Forest:
    return Forest(splits, leaves, roots, bias, low, high)


def dense(weights=((1,),), bias=(0,), shift=0, low=-99, high=99, bias_shift=0) -> Dense:
    return Dense(weights, bias, shift, low, high, bias_shift)


def quantized(weights=((1,),), bias=(0,), multiplier=(1,), shift=(1,), zero=0, low=-9, high=9):
    return QuantizedDense(weights, bias, multiplier, shift, zero, low, high)


def calibrate(gain=4096, offset=0, low=-99, high=99, live=0) -> Calibrate:
    return Calibrate(gain, offset, low, high, live)


def near(weights=((1,), (2,)), bias=(0, 0), count=1, values=((1,), (2,))) -> Neighbours:
    return Neighbours(weights, bias, count, values)


def lines(weights=((1,),), bias=(0,), splits=((0, 0, -1, -1),), shift=0, low=-99) -> LeafLines:
    return LeafLines(splits, weights, bias, shift, low, 99)


def steps(depth: int, last: int = -1) -> tuple[tuple[int, int, int, int], ...]:
    """A tree like stairs: each split has a leaf and the next split."""
    return (*((0, k, -1, k + 1) for k in range(depth - 1)), (0, depth, -1, last))


TWICE = tuple((0, k, k + 1, k + 1) for k in range(30)) + ((0, 30, -1, -1),)
TWO = dense(((1,), (1,)), (5, 5), 0, 0, 9)
# rule -> a chain that breaks it, for one input or as many as stand beside it
BROKEN = {
    "inputs": [((Outside((0,) * 256, (1,) * 256),), 256)],
    "{node.op}: outputs": [
        (BYTE, Monomials(((0,),) * 256, 7)),
        (BYTE, Monomials((), 7)),
    ],
    "{op}: inputs": [
        (WIDE, Scale((0,), (30000,), 16, 32767, 100)),
        (WIDE, lookup()),
        (WIDE, activation()),
        (WIDE, forest()),
        (WIDE, lines(splits=((0, 32767, -1, -1),))),
        (WIDE, Outside((0,), (1,))),
        (WIDE, Log2((0,))),
        (WIDE, dense()),
        (WIDE, quantized()),
    ],
    "{op}: low <= high": [
        (lookup(low=5, high=4),),
        (BYTE, dense(low=5, high=4)),
        (BYTE, calibrate(low=5, high=4)),
        (BYTE, calibrate(low=5, high=4, live=1)),
        (lines(low=100),),
    ],
    "scale: one low and multiplier per input": [
        (Scale((0, 0), (1,), 8, 255, 128),),
        (Scale((0,), (1, 1), 8, 255, 128),),
    ],
    "scale: shift 8 or 16, not {self.shift}": [(Scale((0,), (1,), 9, 255, 128),)],
    "scale: multiplier": [(Scale((0,), (m,), 8, 255, 128),) for m in (0, 65536)],
    "scale: top": [(Scale((0,), (1,), 8, 32768, 1),)],
    "scale: zero": [(Scale((0,), (1,), 8, 255, zero),) for zero in (-1, 256)],
    "scale: low": [(Scale((LOWEST,), (1,), 8, 255, 128),)],
    "lookup: number of curves": [(lookup(curves=256),), (lookup(curves=0),)],
    "lookup: bias": [(lookup(bias=-(2**31)),)],
    "lookup: source": [(lookup(source=1),), (lookup(source=-1),)],
    "{op}: step_bits": both(step_bits=15) + both(step_bits=-1),
    "{op}: nodes of a curve": [
        case
        for nodes in (129, 150)
        for bits in (0, 7)
        for case in both(step_bits=bits, table=FLAT * nodes)
    ],
    "{op}: raw steps the grid spans": both(step_bits=14, table=FLAT * 3),
    "{op}: origin": both(origin=LOWEST) + both(origin=32768),
    "{op}: table": [(lookup(table=(LOWEST, -1), low=LOWEST),), (BYTE, activation((LOWEST, -1)))],
    "{op}: difference of neighbouring nodes": [
        (lookup(table=(-20000, 20000), low=LOWEST),),
        (BYTE, activation((-20000, 20000))),
    ],
    "monomials: degree": [
        (Scale((0,), (1,), 8, 2, 1), Monomials((term,), 1)) for term in ((), (0,) * 4)
    ],
    "monomials: source": [(BYTE, Monomials(((1,),), 7)), (BYTE, Monomials(((-1,),), 7))],
    "monomials: bits": [(BYTE, Monomials(((0,),), 8))],
    "monomials: inputs": [(Scale((0,), (1,), 8, 256, 127), Monomials(((0,),), 7))],
    "dense: one bias per row": [(BYTE, dense(bias=(0, 0)))],
    "dense: one weight per input": [(BYTE, dense(((1, 1),)))],
    "dense: rows": [(BYTE, dense((), ()))],
    "dense: weights": [(BYTE, dense(((LOWEST,),)))],
    "dense: shift": [(BYTE, dense(shift=25)), (BYTE, dense(shift=-1))],
    "dense: shift of a sum of {bits} bits": [
        (BYTE, dense(bias=(-(2**23),), shift=24)),
        (BYTE, dense(bias=(-(2**15),), shift=16)),
    ],
    "dense: bias_shift": [(BYTE, dense(bias_shift=17)), (BYTE, dense(bias_shift=-1))],
    "dense: bias": [(BYTE, dense(bias=(-(2**31),), shift=10))],
    "{self.op}: rows": [(quantized((), (), (), ()),)],
    "{self.op}: a bias, multiplier and shift per row": [
        (quantized(bias=(0, 0)),),
        (quantized(multiplier=(1, 1)),),
        (quantized(shift=(1, 1)),),
    ],
    "{self.op}: one weight per input": [(quantized(((1, 1),)),)],
    "{self.op}: weights": [(quantized(((LOWEST,),)),)],
    "{self.op}: bias": [(BYTE, quantized(((0,),), (-(2**31),)))],
    "{self.op}: multiplier": [(quantized(multiplier=(m,)),) for m in (-1, 2**31)],
    "{self.op}: shift": [(quantized(shift=(s,)),) for s in (0, 31)],
    "{self.op}: zero": [(quantized(zero=z),) for z in (-129, 128)],
    "{self.op}: low and high are int8": [
        (quantized(low=-129),),
        (quantized(high=128),),
        (quantized(low=5, high=4),),
    ],
    "quantized_conv: sums": [(QuantizedConv(((32767,),), (0,), (1,), (1,), 0, -9, 9),)],
    "neighbours: rows": [(BYTE, near(((1,),) * 256, (0,) * 256, 1, ((1,),) * 256))],
    "neighbours: a bias and values per row": [
        (BYTE, near(bias=(0,))),
        (BYTE, near(values=((1,),) * 3)),
    ],
    "neighbours: one weight per input": [(BYTE, near(weights=((1, 1), (1, 1))))],
    "neighbours: values of one length": [(BYTE, near(values=((1,), (1, 2))))],
    "neighbours: weights": [(BYTE, near(weights=((LOWEST,), (1,))))],
    "neighbours: bias": [(BYTE, near(((0,), (0,)), (-(2**31), 0)))],
    "neighbours: count": [(BYTE, near(count=count)) for count in (0, 3)],
    "neighbours: values": [(BYTE, near(values=((LOWEST,), (1,))))],
    "median: one weight per element": [(BYTE, Median((1, 2)))],
    "median: weights": [(BYTE, Median((weight,))) for weight in (0, 65536)],
    "power: degree": [
        (Scale((0,), (1,), 8, 255, 0), power) for power in (Power(1), Power(4), Power(3, fine=True))
    ],
    "power: inputs": [(BYTE, TWO, Power(2))],
    "power: input": [(BYTE, Power(2))],
    "exp2: inputs": [(BYTE, TWO, Exp2())],
    "exp2: input": [(BYTE, Exp2()), (BYTE, dense(((999,),), high=61440, low=0), Exp2())],
    "log2: columns": [(Log2((1,)),), (Log2((-1,)),)],
    "log2: columns ascend": [(Log2((0, 0)),), (Log2(()),)],
    "{op}: outputs": [(forest(leaves=((),), bias=()),)],
    "{op}: trees": [(forest(roots=(-1,) * 256),), (forest(roots=()),)],
    "{op}: splits": [(forest(splits=((0, 0, -1, -1),) * 32768),)],
    "{op}: leaves": [(forest(leaves=((1,),) * 32768),)],
    "{op}: bias": [(forest(bias=(-(2**31),)),)],
    "{op}: one leaf value per output": [(forest(leaves=((1, 1),)),)],
    "{op}: four numbers per split": [(forest(splits=((0, 0, -1),), roots=(0,)),)],
    "{op}: leaf values": [(forest(leaves=((LOWEST,),)),)],
    "{op}: input of a split": [(forest(((c, 0, -1, -1),), roots=(0,)),) for c in (1, -1)],
    "{op}: thresholds": [(forest(((0, 32768, -1, -1),), roots=(0,)),)],
    "{op}: depth of a tree": [(forest(steps(256), roots=(0,)),)],
    "{op}: a child stands after its parent": [(forest(((0, 0, 1, -1),), roots=(0,)),)],
    "{op}: a leaf exists": [(forest(roots=(-2,)),)],
    "{op}: every tree is a tree": [(forest(TWICE, roots=(0,)),)],
    "leaf_lines: leaves": [(lines(((0,),) * 256, (0,) * 256),)],
    "leaf_lines: one row of weights per bias": [(lines(bias=(0, 0)),)],
    "leaf_lines: one weight per input": [(lines(((1, 1),)),)],
    "leaf_lines: limit of a split": [
        (BYTE, lines(splits=((0, limit, -1, -1),))) for limit in (-129, 127)
    ],
    "leaf_lines: levels": [(lines(splits=steps(13)),)],
    "leaf_lines: weights": [(lines(((LOWEST,),)),)],
    "leaf_lines: bias": [(BYTE, lines(bias=(-(2**31),), shift=10))],
    "leaf_lines: shift": [(lines(shift=25),), (lines(shift=-1),)],
    "calibrate: inputs": [(BYTE, TWO, calibrate())],
    "calibrate: gain": [(BYTE, calibrate(gain=gain)) for gain in (2047, 8193)],
    "calibrate: offset": [(BYTE, calibrate(offset=offset)) for offset in (-(2**29), 2**29)],
    "calibrate: live": [(BYTE, calibrate(live=live)) for live in (-1, 2)],
    "outside: one interval per input": [(Outside((0, 0), (1, 1)),), (Outside((0,), (1, 1)),)],
    "outside: lowest usual value": [(Outside((LOWEST,), (1,)),)],
    "outside: highest usual value": [(Outside((0,), (32768,)),)],
    "outside: low <= high": [(Outside((1,), (0,)),)],
}
CASES = [(rule, case) for rule, cases in BROKEN.items() for case in cases]
FILES = [Path(proof.__file__), *Path(operations.__path__[0]).glob("*.py")]


def prove_case(case) -> None:
    chain, inputs = case if isinstance(case[-1], int) else (case, 1)
    prove(chain, inputs)


def rule_of(call: ast.Call) -> str:
    """The text of a rule as it stands in the source, holes in braces."""
    text = call.args[0 if call.func.id == "within" else 1]
    return text.value if isinstance(text, ast.Constant) else ast.unparse(text)[2:-1]


def rules_in_the_source() -> set[str]:
    calls = [node for path in FILES for node in ast.walk(ast.parse(path.read_text()))]
    calls = [c for c in calls if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)]
    found = {rule_of(c) for c in calls if c.func.id in ("need", "within")}
    return found - {"{what} within {low} .. {high}, not {value}"}


def deleted(monkeypatch, rule: str) -> None:
    """Takes a rule out: what its message says, whatever fills its holes."""
    start = re.compile(
        "[^:]*".join(map(re.escape, re.split(r"\{[^}]*\}", rule))) + r"(?: within|$)"
    )
    need = proof.need

    def lenient(good: bool, text: str) -> None:
        if not start.match(text):
            need(good, text)

    for module in [proof, *(m for m in vars(operations).values() if hasattr(m, "operation"))]:
        if hasattr(module, "need"):
            monkeypatch.setattr(module, "need", lenient)


@pytest.mark.parametrize("rule, case", CASES)
def test_a_broken_rule_is_refused_in_one_line(rule, case):
    with pytest.raises(ModelError) as refusal:
        prove_case(case)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 200


@pytest.mark.parametrize("rule, case", CASES)
def test_nothing_else_refuses_it(rule, case, monkeypatch):
    """With its rule deleted a chain passes, or the proof itself trips: the rule is needed."""
    deleted(monkeypatch, rule)
    try:
        prove_case(case)
    except ModelError as refusal:
        pytest.fail(f"refused by another rule: {refusal}")
    except (IndexError, ValueError):
        pass


def test_every_rule_has_a_case():
    assert rules_in_the_source() == set(BROKEN)


def test_the_message_names_thing_value_and_limit():
    with pytest.raises(ModelError, match=r"lookup: nodes of a curve within 2 \.\. 257, not 258"):
        prove((lookup(table=FLAT * 129),), 1)
    with pytest.raises(ModelError, match=r"scale: inputs within -32768 \.\. 32767, not 65534"):
        prove((WIDE, BYTE), 1)
