"""The verdict: the float program is the same model, and the sentence says what the figures say."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from host_c import compile_header, run_rows
from random_models import random_models, tree
from test_baselines import made_up

from tinygen.codegen.float_model import render_float
from tinygen.common.boards import BOARDS
from tinygen.data.dataset import Provenance
from tinygen.families import FAMILIES
from tinygen.fitting.weighted import margin
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.lookup import Curve
from tinygen.model.operations.power import Power
from tinygen.model.operations.scale import Scale
from tinygen.search.conversion import (
    Conversion,
    Decisions,
    conversion_facts,
    conversion_lines,
    conversion_sentence,
    judge_conversion,
    read_conversion,
)
from tinygen.search.cross_validation import Trained
from tinygen.search.quantization import quantize
from tinygen.target.bare import BareChip, ModelCost

MODELS = random_models()
UNO = BOARDS["uno"]


# ---- an oracle that shares no code with tinygen/codegen/float_model.py: the nodes' definitions,
# without rounding ----


def without_rounding(node, values):
    kind = type(node).__name__
    if kind == "Scale":
        distance = np.maximum(values - np.array(node.low), 0)
        full = np.ceil(
            node.top * 2.0**node.shift / np.array(node.multiplier)
        )  # raw steps that reach the top
        return np.minimum(distance, full) * np.array(node.multiplier) / 2.0**node.shift - node.zero
    if kind == "Activation":
        distance = np.clip(values - node.origin, 0, node.curve.reach) / 2.0**node.step_bits
        return np.interp(distance, np.arange(len(node.table)), node.table)
    if kind == "Lookup":
        parts = np.stack([_curve(c, values[:, c.source]) for c in node.curves], axis=1)
        return (
            np.clip(parts.sum(axis=1, keepdims=True) + node.bias, node.low, node.high)
            if node.total
            else parts
        )
    if kind == "Monomials":
        return np.stack(
            [
                np.prod([values[:, i] for i in term], axis=0) * 2.0 ** (node.bits * (2 - len(term)))
                for term in node.terms
            ],
            axis=1,
        )
    if kind == "Dense":
        total = (
            values @ np.array(node.weights, float).T + np.array(node.bias) * 2.0**node.bias_shift
        )
        return np.clip(total / 2.0**node.shift, node.low, node.high)
    if kind == "LeafLines":
        leaf = node.places.apply(values)[:, 0]
        total = (values * np.array(node.weights, float)[leaf]).sum(axis=1) + np.array(node.bias)[
            leaf
        ]
        return np.clip(total / 2.0**node.shift, node.low, node.high)[:, None]
    if kind in ("QuantizedDense", "QuantizedConv"):
        weights = np.array(node.weights, float)
        acc = values * weights[:, 0] if node.elementwise else values @ weights.T
        exact = (acc + node.bias) * node.multiplier / 2.0 ** (32 + np.array(node.shift))
        return np.clip(exact + node.zero, node.low, node.high)
    if kind == "Power":
        return values**node.degree / (2.0**18 if node.fine else 65536.0 ** (node.degree - 1))
    if kind == "Log2":
        logs = np.log2(np.maximum(values, 1)) * 2048
        return np.where(np.isin(np.arange(values.shape[1]), node.columns), logs, values)
    if kind == "Calibrate":
        return np.clip((values * node.gain + node.offset) / 4096, node.low, node.high)
    if kind == "Exp2":
        return 2.0 ** (values / 4096)
    return node.apply(values).astype(float)  # the others only compare and add whole numbers


def _curve(curve: Curve, x):
    distance = np.clip(np.floor(x + 0.5) - curve.origin, 0, curve.reach)
    return np.interp(distance / 2.0**curve.step_bits, np.arange(len(curve.table)), curve.table)


def expected(model: Model, rows: np.ndarray) -> np.ndarray:
    values = rows.astype(float)
    for node in model.nodes:
        values = without_rounding(node, values)
    return values[:, 0]


@pytest.mark.parametrize("name", MODELS)
def test_the_float_program_computes_the_nodes_without_their_rounding(name, tmp_path):
    model = MODELS[name]
    rows = model.sample_rows(400, seed=3)
    answers = run_rows(compile_header(model, tmp_path, header=render_float(model)), rows)
    assert (
        np.abs(answers - expected(model, rows)).max() <= 0.51
    )  # rounded to a step; 32-bit floats add little


def test_the_oracle_notices_one_changed_coefficient(tmp_path):
    model = MODELS["mlp"]
    rows = model.sample_rows(400, seed=3)
    dense = model.nodes[1]
    other = replace(dense, weights=(tuple(-w for w in dense.weights[0]), *dense.weights[1:]))
    changed = replace(model, nodes=(model.nodes[0], other, *model.nodes[2:]))
    answers = run_rows(compile_header(model, tmp_path, header=render_float(changed)), rows)
    assert np.abs(answers - expected(model, rows)).max() > 1


@pytest.mark.parametrize("name", ["mlp", "additive", "polynomial", "forest", "softmax", "guard"])
def test_the_chip_computes_the_float_program_as_the_host_does(name, simavr, tmp_path):
    model = MODELS[name]
    rows = model.sample_rows(96, seed=5)
    header = render_float(model)
    host = run_rows(compile_header(model, tmp_path, header=header), rows)
    with BareChip(model, UNO, header) as chip:
        assert np.abs(chip.predict(rows) - host).max() <= 1  # a tie may fall either way


@pytest.mark.parametrize("name", MODELS)
def test_constants_are_floats_in_flash(name):
    code = re.sub(r"/\*.*?\*/", "", render_float(MODELS[name]), flags=re.DOTALL)
    tables = [line for line in code.splitlines() if re.match("(static|TINYGEN_TABLE) const", line)]
    assert tables and all("TINYGEN_ROM" in line for line in tables)
    assert "double" not in code and "inf" not in code and "nan" not in code


def test_golden_float_header(golden):
    quantities = tuple(Quantity(f"sensor {k}", "", 1.0, -100.0, 900.0) for k in range(3))
    scale = Scale((-225, -225, -225), (52, 52, 52), 8, 255, 128)
    hidden = Dense(((100, -30, 7), (-127, 64, 1)), (20, -9), 8, 0, 32767, 8)
    net = Model(
        "net",
        "mlp",
        quantities,
        Quantity("y", "ppb", 0.1, 0.0, 50.0),
        (scale, hidden, Dense(((90, 127),), (5000,), 2, 0, 46340), Power(2)),
        150,
    )
    golden("net_float.h", render_float(net))


# ---- the verdict on a small made-up data set ----


@pytest.fixture(scope="module")
def converted():
    """A data set that a net of four units predicts well, the trained float net, and its integer
    model.
    """
    rng = np.random.default_rng(2)
    x = rng.integers(0, 1000, size=(200, 3))
    dataset = made_up(
        y=(40 + x[:, 0] // 2 + np.maximum(x[:, 1] - 500, 0) + rng.integers(-20, 20, 200)), x=x
    )
    rows, family = dataset.training, FAMILIES["mlp"]
    config = next(c for c in family.candidates(rows) if c.hidden == (4,))
    trained = Trained(family, config, family.fit_all(rows, [config], 0)[0])
    return dataset, trained, quantize(trained, dataset, "made_up", 60.0)


def test_verdict_on_made_up_rows(converted, simavr):
    dataset, trained, model = converted
    found = judge_conversion(model, dataset, trained.fitted.predict(dataset.x[dataset.test]), UNO)
    assert (found.rows, found.float_gap) == (
        50,
        pytest.approx(0, abs=10),
    )  # steps of 0.1 in a range of 100
    assert found.integer_error == pytest.approx(model.training["metrics"]["mae"], rel=1e-5)
    assert found.float_error == pytest.approx(model.training["metrics"]["float_mae"], rel=1e-5)
    assert found.smaller > 2 and found.faster > 4 and abs(found.loss) < 0.05  # 50 rows
    assert conversion_sentence(found).endswith(
        "convert it."
    ) or "matters more" in conversion_sentence(found)
    assert conversion_lines(found)[-1] == f"verdict    {conversion_sentence(found)}"


def test_a_broken_integer_model_is_called_so(converted, simavr):
    dataset, trained, model = converted
    *front, last, power = model.nodes
    broken = replace(
        model,
        nodes=(*front, replace(last, bias=(last.bias[0] + (last.high << last.shift) // 8,)), power),
    )
    found = judge_conversion(broken, dataset, trained.fitted.predict(dataset.x[dataset.test]), UNO)
    assert (
        found.loss > 0.05
        and "do not use it" in conversion_sentence(found)
        and re.search(r"makes \d+ % larger errors", conversion_sentence(found))
    )
    row = found.worst
    k = list(dataset.provenance.lines).index(row.line)
    assert (
        k in dataset.test
        and [v for _, v in row.inputs] == dataset.x[k].tolist()
        and row.true == dataset.y[k] / 10
    )
    assert row.integer_answer == broken.predict(dataset.x[[k]])[0] / 10 != row.float_answer


def test_rows_without_a_file_have_no_line(simavr):
    with_lines = made_up(x=np.arange(200)[:, None], y=np.arange(200))
    dataset = replace(with_lines, provenance=Provenance("recording"))
    stump = Forest(((0, 90, -1, -2),), ((0,), (150,)), (0,), (0,), 0, 150)
    model = Model("stump", "tree", dataset.inputs, dataset.target, (stump,))
    floats = model.predict(dataset.x[dataset.test])
    floats[7] += 5
    for rows, line, words in (
        (with_lines, int(with_lines.provenance.lines[dataset.test[7]]), "worst row  line "),
        (dataset, None, "worst row  true "),
    ):
        found = judge_conversion(model, rows, floats, UNO, ModelCost(100, 0, 4, 50, 50))
        assert found.worst.line == line and conversion_lines(found)[1].startswith(words)
        assert conversion_facts(found)["worst"]["line"] == line


def test_classes_are_counted_in_rows(simavr):
    rng = np.random.default_rng(4)
    x = rng.integers(0, 1000, size=(200, 3))
    dataset = made_up(y=(x[:, 0] > 500).astype(int), x=x, labels=("low", "high"))
    stump = Forest(((0, 600, -1, -2),), ((0,), (1,)), (0,), (0,), 0, 1)
    model = Model("stump", "tree", dataset.inputs, dataset.target, (stump,), labels=dataset.labels)
    truth, wrong = (
        dataset.y[dataset.test],
        int(((x[:, 0] > 500) & (x[:, 0] <= 600))[dataset.test].sum()),
    )
    found = judge_conversion(model, dataset, truth, UNO)
    assert (found.float_error, found.differing) == (
        0,
        wrong,
    ) and found.integer_error == pytest.approx(wrong / 50)
    assert found.alarms is None and (found.worst.true, found.worst.integer_answer) == (
        "high",
        "low",
    )
    assert f"gets {wrong} more of 50 rows wrong" in conversion_sentence(found)


def test_a_float_model_too_large_for_the_board_is_no_error(simavr):
    dataset = made_up(x=np.random.default_rng(0).integers(0, 1000, size=(200, 1)), y=np.arange(200))
    splits, leaves = tree(np.random.default_rng(0), 1, 12, 1, 0, 0, 500)  # 69,000 bytes in float
    forest = Forest(tuple(splits), tuple(map(tuple, leaves)), (0,), (0,), -500, 500)
    model = Model("large", "tree", dataset.inputs, dataset.target, (forest,))
    found = judge_conversion(
        model,
        dataset,
        model.predict(dataset.x[dataset.test]),
        UNO,
        ModelCost(30000, 0, 4, 90, 90000),
    )
    assert found.float_cost is None and "float does not fit the Arduino Uno" in conversion_sentence(
        found
    )
    assert (
        conversion_facts(found)["float"] is None
        and found.worst is None
        and "does not fit" in "\n".join(conversion_lines(found))
    )


# ---- words, without a chip ----


def made(
    float_error=1.0, integer_error=1.0, integer=(100, 50), floating=(900, 1550), **more
) -> Conversion:
    costs = [ModelCost(flash, 0, 4, cycles, cycles) for flash, cycles in (integer, floating)]
    return Conversion(
        MODELS["lookup_square"],
        UNO,
        1000,
        float_error,
        integer_error,
        3,
        None,
        None,
        *costs,
        1,
        **more,
    )


@pytest.mark.parametrize(
    "found,words",
    [
        (
            made(integer_error=1.001),
            "The integer model makes 0.1 % larger errors and is 9 times smaller and 31 times "
            "faster than the same model in float: convert it.",
        ),
        (
            made(),
            "loses no accuracy and is 9 times smaller and 31 times faster than the same model in "
            "float: convert it.",
        ),
        (
            made(integer_error=0.98),
            "makes 2 % smaller errors on these rows and is 9 times smaller",
        ),
        (
            made(integer_error=0.98, margin=0.03),
            "makes by chance 2 % smaller errors on these rows and is 9 times smaller",
        ),
        (
            made(integer_error=1.02),
            "makes 2 % larger errors and is 9 times smaller and 31 times faster than the same "
            "model in float: "
            "convert it where the saving matters more than the error.",
        ),
        (
            made(integer_error=1.5),
            "makes 50 % larger errors and is 9 times smaller and 31 times faster than the same "
            "model in float: "
            "do not use it as it is, take another row of the ladder (`tinygen pick`) or another "
            "--family.",
        ),
        (
            made(integer=(1000, 1600)),
            "is 1.1 times larger and not faster than the same model in float: "
            "converting it is not worthwhile.",
        ),
        (
            made(integer=(890, 500)),
            "is not smaller and 3.1 times faster than the same model in float: "
            "convert it where time is short.",
        ),
        (
            made(integer=(300, 3100)),
            "is 3 times smaller and 2 times slower than the same model in float: "
            "convert it where flash is short.",
        ),
        (made(integer_error=3.0, integer=(1000, 1600)), "converting it is not worthwhile."),
    ],
)
def test_sentences(found, words):
    assert words in conversion_sentence(found)


@pytest.mark.parametrize("labels", [(), ("a", "b")])
@pytest.mark.parametrize("margin", [0.0, 0.001, 0.9])
@pytest.mark.parametrize("integer_error", [0.7, 0.89, 0.897, 0.903, 0.91, 0.99])
def test_the_error_and_the_verdict_say_the_same_of_chance(integer_error, margin, labels):
    model = replace(MODELS["lookup_square"], labels=labels)
    found = replace(made(0.9, integer_error, margin=margin), model=model)
    error, *_, verdict = conversion_lines(found)
    assert ("within chance" in error) == ("chance" in verdict) == found.by_chance
    spoilt = conversion_sentence(replace(found, alarms=Decisions(3, 3, 0)))
    assert ", spoils 3 of" in spoilt and ",," not in spoilt


def test_of_the_float_models_own_answers_neither_speaks_of_chance():
    said = conversion_lines(made(0.0, 0.01, margin=0.02, own_spread=1.0))
    assert "chance" not in "".join(said) and "differs from the float model by 1 %" in said[-1]


def test_errors_are_called_errors():
    """Of numbers and of classes: what is printed behind the label grows with the error."""
    numbers = made(float_error=1.0, integer_error=1.5)
    classes = replace(made(0.02, 0.03), model=replace(MODELS["lookup_square"], labels=("a", "b")))
    for found, words in (
        (numbers, "float 1 {unit}, integer 1.5 {unit} mean absolute on 1,000 test rows (+50.00 %)"),
        (classes, "float 0.02, integer 0.03 of the rows wrong on 1,000 test rows (+1.00 points)"),
    ):
        line = conversion_lines(found)[0]
        assert line.startswith(f"error      {words.format(unit=found.model.output.unit)}")
        assert "accuracy" not in "".join(conversion_lines(found))


def test_a_loss_far_below_the_label_s_own_step_is_no_reason_against():
    """0.0066 to 0.0070 ug/m3 is 6 % of an error that is itself a fifteenth of the step in which
    benzene is written.
    """
    found = made(float_error=0.0066, integer_error=0.0070)
    assert "makes 6.1 % larger errors, 0.004 of the data's own step, and is" in conversion_sentence(
        found
    ) and conversion_sentence(found).endswith("convert it.")
    assert "do not use it" in conversion_sentence(made(float_error=0.0066, integer_error=0.0090))


@pytest.mark.parametrize(
    "differing, by_chance",
    [(1, True), (3, True), (5, False)],
)
def test_a_few_rows_that_differ_prove_no_loss(differing, by_chance, simavr):
    """One of fifty rows that is far off makes the mean error a fifth larger, and proves nothing."""
    dataset = made_up(x=np.arange(200)[:, None], y=np.arange(200))
    stump = Forest(((0, 90, -1, -2),), ((0,), (150,)), (0,), (0,), 0, 150)
    model = Model("stump", "tree", dataset.inputs, dataset.target, (stump,))
    answers, y = model.predict(dataset.x[dataset.test]), dataset.y[dataset.test]
    floats = answers.copy()
    off = np.flatnonzero(np.abs(answers - y) > 30)[:differing]  # here float is right
    floats[off] = y[off]
    found = judge_conversion(model, dataset, floats, UNO, ModelCost(100, 0, 4, 50, 50))
    said, lines = conversion_sentence(found), conversion_lines(found)
    assert (found.differing, found.by_chance) == (differing, by_chance) and found.loss > 0.01
    counted = f"answers {differing} of 50 rows differently, with no loss of accuracy beyond chance,"
    assert (counted in said) == by_chance == ("within chance" in lines[0])
    assert by_chance or re.search(r"makes [\d.]+ % larger errors on 50 rows and is", said)
    assert ("do not use it" in said) != by_chance
    if found.loss > 0.05 and by_chance:
        assert said.endswith("convert it, and compare both on more rows.")
    assert (f"{differing} answer{'s differ' if differing > 1 else ' differs'}") in lines[0]
    kept = json.loads(json.dumps(conversion_facts(found)))
    again = read_conversion(replace(model, training={"verdict": kept}))
    assert (again.margin, conversion_sentence(again)) == (found.margin, said)


def test_the_interval_of_a_paired_difference():
    assert margin(np.zeros(50)) == 0 and margin(np.array([3.0])) == 3
    one = np.zeros(60)
    one[7] = 6.0
    assert margin(one) == pytest.approx(2.001 * 6 / 60, rel=1e-3)  # t of 59 degrees of freedom
    rng = np.random.default_rng(0)
    inside = [abs((d := rng.normal(1, 2, 30)).mean() - 1) < margin(d) for _ in range(2000)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_classes_of_few_rows():
    labelled = replace(MODELS["lookup_square"], labels=("a", "b"))
    found = replace(made(0.1, 0.1 + 1 / 60, margin=0.033), model=labelled, rows=60, differing=1)
    assert conversion_sentence(found).startswith(
        "The integer model gets 1 more of 60 rows wrong, which is within chance, and is 9 times"
    ) and conversion_sentence(found).endswith("convert it.")
    sure = conversion_sentence(replace(found, margin=0.001))
    assert "gets 1 more of 60 rows wrong and is" in sure and "matters more" in sure


def test_spoilt_alarms_are_part_of_the_sentence():
    found = replace(made(), alarms=Decisions(3, 3, 0))
    assert "loses no accuracy, spoils 3 of 1,000 alarm decisions and is" in conversion_sentence(
        found
    )
    told = "alarms     3 of 1,000 decisions changed: 3 worsened, 0 corrected"
    assert told in conversion_lines(found)
    assert "alarm" not in conversion_sentence(replace(made(), alarms=Decisions(3, 1, 2)))


def test_a_float_model_without_error_does_not_divide_by_zero():
    assert made(float_error=0.0, integer_error=0.0).loss == 0
    found = made(float_error=0.0, integer_error=0.3)
    assert np.isfinite(found.loss) and "do not use it as it is" in conversion_sentence(found)


def test_facts_are_plain_json_of_six_digits():
    plain = conversion_facts(made(float_error=1 / 3, integer_error=1 / 7))
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert (plain["float_error"], plain["integer_error"], plain["smaller"], plain["faster"]) == (
        0.333333,
        0.142857,
        9.0,
        31.0,
    )
    assert plain["board"] == "uno" and plain["sentence"] == conversion_sentence(
        made(float_error=1 / 3, integer_error=1 / 7)
    )
