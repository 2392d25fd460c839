"""No family and no width has an overflow, proven by Frama-C's EVA for all int16 inputs.

At release every header that differs is analysed: the stored model of each family and task, and
`random_models`, which have each node, input type, weight width and accumulator, for every goal of
--optimize. What EVA says stands in `eva.txt`, which is remade with

    pytest tests/proofs/test_eva.py --level release --update-golden

A commit analyses a few where Frama-C is installed (`.ci/tools release` installs it).
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from frama_c import analyse, outcome, texts, version
from random_models import random_models

from tinygen.codegen.emit import render_header
from tinygen.common.choices import OPTIMIZE
from tinygen.model.model import Model, load
from tinygen.model.outputs import side_by_side

TESTS = Path(__file__).parents[1]
STORED = TESTS / "golden" / "house"
LOG = "../proofs/eva.txt"  # from tests/golden
FEW = ("lookup_square",)


@pytest.fixture(scope="module")
def frama_c(level) -> str:
    """The version; only the release level asks for one."""
    if level == "commit" and not shutil.which("frama-c"):
        pytest.skip("Frama-C is missing, which --level release asks for: .ci/tools release")
    return version()


def stored(name: str) -> Model:
    return load(STORED / f"{name}.json")


def several() -> Model:
    """Two outputs side by side."""
    first, second = stored("ridge-regression"), stored("tree-regression")
    second = replace(second, output=replace(second.output, name="second"), threshold=None)
    return side_by_side([first, second], first.inputs)


def every_header() -> dict[str, Model]:
    """ "family-task goal" -> model, one for each text that differs."""
    models = {path.stem: load(path) for path in sorted(STORED.glob("*-*.json"))}
    models["scores"] = replace(stored("logistic-classification"), scores=True)
    models["several outputs"] = several()
    found = {}
    for name, model in (models | random_models()).items():
        for goal in OPTIMIZE:
            one = replace(model, name="m", optimize=goal)
            found.setdefault(render_header(one), (f"{name} {goal}", one))
    return dict(found.values())


def test_no_header_has_an_alarm(frama_c, level, golden, tmp_path):
    head = f"Frama-C {frama_c}, EVA; int of 16 bits; all int16 inputs"
    few = {f"{name} balanced": replace(random_models()[name], name="m") for name in FEW}
    models = every_header() if level == "release" else few
    lines, wrong = [], {}
    for place, (name, model) in enumerate(models.items()):
        found = analyse(texts(model), tmp_path / str(place))
        lines.append(
            f"{name}: {found.count} alarms, {found.reached} statements reached, "
            f"answers {found.answer}\n"
        )
        if found.count or found.answer == "none":
            wrong[name] = found
    assert not wrong and lines
    if level == "release":
        golden(LOG, head + "\n" + "".join(lines))


# --- negative controls -------------------------------------------------------------------------

# what is wrong -> the model (and goal, if not size) that shows it, file, text, replacement, alarm
MUTANTS = {
    "a product in plain int": (
        "linear16_long",
        "tinygen_fixed.h",
        "(uint16_t)((((uint32_t)a * b) + 0x8000u) >> 16)",
        "(uint16_t)(((a * b) + 0x8000u) >> 8)",
        "unsigned overflow",
    ),
    "a signed product in plain int": (
        "lookup_fine",
        "tinygen_fixed.h",
        "(((int32_t)step * fraction) + 128)",
        "((step * fraction) + 128)",
        "signed overflow",
    ),
    "plain int in place of int24": (
        "mlp_layer",
        "tinygen_fixed.h",
        "__extension__ typedef __int24 tinygen_int24;",
        "typedef int tinygen_int24;",
        "signed overflow",
    ),
    "24 bits in place of 32": (
        "linear_wide",
        "tinygen_sums.h",
        "TINYGEN_DOT_C(tinygen_dot_s16_w16_32, int32_t",
        "TINYGEN_DOT_C(tinygen_dot_s16_w16_32, tinygen_int24",
        "signed overflow",
    ),
    "16 bits in place of 24": (
        "squares",
        "tinygen_sums.h",
        "TINYGEN_TERMS_C(tinygen_terms_w8_24, tinygen_int24",
        "TINYGEN_TERMS_C(tinygen_terms_w8_24, int16_t",
        "signed overflow",
    ),
    "a unit of 16 bits": (
        "mlp_widened",
        "tinygen_layers.h",
        "tinygen_int24 acc = start(row);",
        "int16_t acc = (int16_t)start(row);",
        "signed downcast",
    ),
    "an index one too large": (
        "lookup_fine",
        "tinygen_fixed.h",
        "TINYGEN_READ_I16(node + 1)",
        "TINYGEN_READ_I16(node + 2)",
        "out of bounds read",
    ),
    "a cell too many": (
        "lookup_fine",
        "m.h",
        "623u) << 4",
        "624u) << 4",
        "out of bounds read",
    ),
    "one input too many": (
        "softmax",
        "tinygen_sums.h",
        "for (uint8_t i = 0; i < n; ++i) {",
        "for (uint8_t i = 0; i <= n; ++i) {",
        "out of bounds read",
    ),
    "a side of a tree one byte further": (
        "tree_deep",
        "tinygen_trees.h",
        "tree = sides + (second ? first : 0);",
        "tree = sides + (second ? first + 1 : 0);",
        "invalid pointer creation",
    ),
    "a clamp left out": (
        "mlp_signed",
        "m.h",
        "if (sum > 127) {",
        "if (sum > 1127) {",
        "signed downcast",
    ),
    "a shift too far": (
        "logarithms",
        "tinygen_fixed.h",
        "((14u - (v >> 12)) & 15u)",
        "((16u - (v >> 12)) & 31u)",
        "invalid RHS operand for shift",
    ),
    "a byte of a table that does not fit": (
        "linear16",
        "tinygen_fixed.h",
        "(int8_t)((((v) & 0xFF) ^ 0x80) - 0x80)",
        "(int8_t)((v) & 0xFF)",
        "signed downcast",
    ),
    "a sum of trees modulo 2^16": (
        "tree_code balanced",
        "tinygen_trees.h",
        "int32_t tinygen_sum = (bias);",
        "uint16_t tinygen_sum = (uint16_t)(bias);",
        "unsigned overflow",
    ),
    "a bias that is not brought back": (
        "mlp_long speed",
        "tinygen_layers.h",
        "bias -= ((bias + 32768) >> 16) * 65536;",
        "",
        "signed downcast",
    ),
}


def pytest_generate_tests(metafunc):
    """All of them at release, one at a commit."""
    if "fault" in metafunc.fixturenames:
        release = metafunc.config.getoption("--level") == "release"
        metafunc.parametrize("fault", list(MUTANTS) if release else list(MUTANTS)[:1])


def test_an_alarm_is_raised(fault, frama_c, tmp_path):
    shown_by, file, good, bad, alarm = MUTANTS[fault]
    name, _, goal = shown_by.partition(" ")
    files = texts(replace(random_models()[name], name="m", optimize=goal or "size"))
    assert good in files[file]
    files[file] = files[file].replace(good, bad)
    found = analyse(files, tmp_path)
    assert found.count and any(alarm in one for one in found.alarms), found


def test_an_analysis_without_a_summary_is_an_error():
    with pytest.raises(AssertionError):
        outcome("[eva] Analyzing a complete application starting at main\n")
