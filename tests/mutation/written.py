"""Mistakes that a person could make, one at a time, in hand-written C, templates and firmware.

Each is a file, its text, and the text in its place; then the model that shows it, and the goal of
--optimize if it is not "size".
"""

from dataclasses import replace
from functools import cache

from random_models import random_models


@cache
def models() -> dict:
    """`random_models`; "tied": neighbours that are all as near as each other on each row; "sides":
    two classes by the sum of few values, often 0.
    """
    found = dict(random_models())
    tied = found["near_votes"]
    neighbours = replace(tied.nodes[1], weights=((1, 1),) * 6, bias=(0,) * 6, count=1)
    found["tied"] = replace(tied, nodes=(tied.nodes[0], neighbours, tied.nodes[2]))
    branches = found["branches"]
    leaves = tuple((value % 5 - 2,) for (value,) in branches.nodes[0].leaves)
    trees = replace(branches.nodes[0], leaves=leaves, bias=(-2,), low=0, high=1)
    found["sides"] = replace(branches, nodes=(trees,))
    return found


FIXED, SUMS, TREES = "tinygen_fixed.h", "tinygen_sums.h", "tinygen_trees.h"
LAYERS, STRAIGHT = "tinygen_layers.h", "tinygen_straight.h"

KERNELS = {
    "no rounding": (FIXED, "* b) + 0x8000u) >> 16", "* b) + 0u) >> 16", "linear16"),
    "distance below 0": (FIXED, "(x < low) ? 0u", "(x < low) ? 1u", "linear16"),
    "no upper limit": (FIXED, "return (u < top) ? u : top;", "return u;", "linear_wide"),
    "no limit in few steps": (
        FIXED,
        "return (u < top) ? (uint16_t)u : top;",
        "return (uint16_t)u;",
        "linear12_widened",
    ),
    "zero of a byte": (FIXED, "multiplier, 255) - 128)", "multiplier, 255) - 127)", "mlp"),
    "table not rounded": (FIXED, "* fraction) + 128)", "* fraction) + 0)", "lookup_fine"),
    "node twice": (FIXED, "TINYGEN_READ_I16(node + 1)", "TINYGEN_READ_I16(node)", "lookup_fine"),
    "end of the last cell": (FIXED, "256u) + last_fraction", "256u) + 0u", "additive"),
    "limit of a place": (FIXED, "value = limit;", "value = (uint16_t)(limit / 2u);", "lookup_fine"),
    "one input for all curves": (FIXED, "x[kind & 0xFF]", "x[0]", "additive_wide"),
    "an octave more": (FIXED, "octave = 15;", "octave = 16;", "logarithms"),
    "logarithm bends wrongly": (FIXED, "(216u -", "(206u -", "logarithms"),
    "power bends wrongly": (
        FIXED,
        "tinygen_high(f, 5050u)",
        "tinygen_high(f, 4050u)",
        "logarithms",
    ),
    "cube not rounded": (
        FIXED,
        "return tinygen_high_round(tinygen_high(v, v), v);",
        "return tinygen_high(tinygen_high(v, v), v);",
        "additive",
    ),
    "carry lost": (FIXED, "(middle >> 16) + (carry >> 16)", "(middle >> 16)", "quantized"),
    "low product lost": (FIXED, "* (int32_t)m_low) + low;", "* (int32_t)m_low);", "quantized"),
    "sign of a byte": (FIXED, "^ 0x80) - 0x80)", "^ 0x80) - 0x7F)", "linear16"),
    "high byte of a word": (FIXED, "(p + 1) * 256", "(p + 1) * 255", "linear16"),
    "last weight forgotten": (SUMS, "i < n; ++i) { ", "i + 1 < n; ++i) { ", "softmax"),
    "product of bytes": (SUMS, "((int32_t)x * w)", "((int8_t)x * w)", "products"),
    "layer not rounded": (
        LAYERS,
        "tinygen_word(bias) * 256 + 128",
        "tinygen_word(bias) * 256",
        "mlp_layer16",
    ),
    "what a leaf takes is added": (
        STRAIGHT,
        "TINYGEN_GAIN(1, -(v))",
        "TINYGEN_GAIN(1, v)",
        "votes",
        "balanced",
    ),
    "unit below 0": (
        LAYERS,
        "acc < 0 ? 0 : (int16_t)(acc >> (shift))",
        "(int16_t)(acc >> (shift))",
        "mlp_layer",
    ),
    "a byte without a limit": (
        LAYERS,
        "(unit > 255 ? 255 : unit) - 128",
        "unit - 128",
        "bytes_of_units",
    ),
    "a fine square not rounded": (
        FIXED,
        "tinygen_high(v, v) + 2u",
        "tinygen_high(v, v) + 0u",
        "fine_square",
    ),
    "a fine bias of 16 bits": (
        LAYERS,
        "tinygen_word(bias + 1)",
        "tinygen_word(bias)",
        "fine_layer",
    ),
    "bias of another unit of a group": (
        LAYERS,
        "start(group + (bias_bytes) * k)",
        "start(group)",
        "fine",
        "balanced",
    ),
    "units of a group in one place": (
        LAYERS,
        "h[k] = unit(",
        "h[0] = unit(",
        "layer_of_many",
        "balanced",
    ),
    "weights of one unit for its group": (
        LAYERS,
        "weights = group + (bias_bytes) * (units) + k;",
        "weights = group + (bias_bytes) * (units);",
        "layer_of_many",
        "balanced",
    ),
    "square of the first": (
        SUMS,
        "u[TINYGEN_READ_U8(table + 1)]",
        "u[TINYGEN_READ_U8(table)]",
        "squares",
    ),
    "share of the wrong unit": (
        LAYERS,
        "read(shares + (bytes) * k)",
        "read(shares)",
        "mlp_long",
        "balanced",
    ),
    "bias not brought back": (LAYERS, "- 128) * 128; ", "- 128) * 127; ", "mlp_long", "speed"),
    "equal goes right": (
        TREES,
        "right = x[input] > tinygen",
        "right = x[input] >= tinygen",
        "tree_deep",
    ),
    "sides swapped": (
        TREES,
        "second = right != kind >> 7",
        "second = right == kind >> 7",
        "tree_deep",
    ),
    "another limit": (TREES, "tinygen_word(sides - 2)", "tinygen_word(sides - 3)", "tree_deep"),
    "leaf added once": (TREES, "TINYGEN_READ_I8(leaf + k)", "TINYGEN_READ_I8(leaf)", "votes"),
    "sign of another byte": (FIXED, "(bits) - 8)) >> 7", "(bits) - 8)) >> 6", "sides"),
    "a tree starts on its right": (
        TREES,
        "goto tree_##n;",
        "if (n < 0) goto tree_##n;",
        "tree_code",
        "balanced",
    ),
    "end of two leaves": (
        TREES,
        "TINYGEN_LEAF(x[in] > (limit) ? (w) : (v))",
        "TINYGEN_LEAF(x[in] >= (limit) ? (w) : (v))",
        "tree_code",
        "balanced",
    ),
}

TEMPLATES = {
    "last of equals": ("argmax", "[i] > {{ n.source }}", "[i] >= {{ n.source }}", "near_votes"),
    "class 0 left out": ("argmax", "[1] = {0};", "[1] = {1};", "near_votes"),
    "lower clamp": ("../macros", "sum = {{ n.clamp_low }};", "sum = 999;", "linear8"),
    "upper clamp": ("../macros", "if (sum > {{", "if (sum > 1 + {{", "mlp_signed"),
    "a sum of 0": ("../macros", "AT_LEAST_0(acc,", "AT_LEAST_0(acc + 1,", "sides"),
    "shift one less": (
        "../macros",
        "{{ n.shifted_acc }}",
        "({{ n.shifted_acc }} * 2)",
        "linear_wide",
    ),
    "offset of a recalibration": (
        "calibrate",
        "(n.node.offset + n.half)",
        "(n.node.offset)",
        "recalibrated_square",
    ),
    "live gain": ("calibrate", "{{ n.node.gain }}u,", "4096u,", "recalibrated_live"),
    "bias of a row": ("dense", "_bias[i])", "_bias[0])", "softmax"),
    "start of a product": ("dense", "{% if n.start %}", "{% if n.start > 0 %}", "products"),
    "start of a row": ("dense", "{{ n.start|literal }}", "0", "linear16"),
    "high limit of int8": ("dense", "sum > {{ n.node.high }} ?", "sum > 100 ?", "quantized"),
    "round down": ("dense", "((sum + 1) >> 1)", "(sum >> 1)", "quantized"),
    "place of a logarithm": (
        "log2",
        "{{ n.function }}({{ n.source }}[i])",
        "{{ n.source }}[i]",
        "logarithms_of_many",
    ),
    "half of the weights": (
        "median",
        "total < {{ n.node.half }}",
        "total <= {{ n.node.half }}",
        "median",
    ),
    "median counts a tie once": ("median", "[i] <= next", "[i] < 0", "median"),
    "third factor": (
        "monomials",
        "{{ n.cube(term) }}",
        "{{ n.cube((term[0], term[1], 0)) }}",
        "polynomial",
    ),
    "nearest but one": ("neighbours", "[at - 1] < sum", "[at - 1] > sum", "neighbours"),
    "ties of neighbours": ("neighbours", "[at - 1] < sum", "[at - 1] <= sum", "tied"),
    "inside of the interval": ("outside", "[i] < TINYGEN", "[i] <= TINYGEN", "guard"),
    "above the interval": ("outside", "|| {{ n.source }}[i] >", "|| {{ n.source }}[i] >=", "guard"),
    "left of a split": (
        "forest",
        "{{ branch(n, tree.left,",
        "{{ branch(n, tree.right,",
        "branches",
    ),
    "equal at a split": ("forest", "}}] <= {{ tree.limit }}", "}}] < {{ tree.limit }}", "branches"),
    "lines of the other leaf": (
        "leaf_lines",
        "{{ place(tree.left,",
        "{{ place(tree.right,",
        "lines",
    ),
    "line of the first leaf": ("leaf_lines", "_weights[leaf]", "_weights[0]", "lines_stream"),
    "start of the first leaf": ("leaf_lines", "_bias[leaf]", "_bias[0]", "lines_of_bytes"),
    "first tree only": ("trees", "_root[tree])", "_root[0])", "median"),
}

MAIN = "src/main.cpp"
PROTOCOL = "include/tinygen_protocol.h"
ALARM = "include/tinygen_alarm.h"
FIRMWARE = {
    "red for green": (MAIN, "(TINYGEN_RED_PIN, red)", "(TINYGEN_RED_PIN, green)"),
    "both LEDs": (MAIN, "show(alarm_state.red, !alarm_state.red)", "show(alarm_state.red, true)"),
    "dark only in words": (MAIN, "model_start();\n        show(false, false);", "model_start();"),
    "only the last is missing": (MAIN, "missing |= row[i]", "missing = row[i]"),
    "missing not told": (MAIN, "flags = TINYGEN_MISSING;", "flags = 0;"),
    "an answer without a row": (MAIN, "int16_t y = INT16_MIN;", "int16_t y = 0;"),
    "the limit is clamped": (MAIN, "row[i] > highest", "row[i] >= highest"),
    "clamped the other way": (MAIN, "< lowest ? lowest : highest", "< lowest ? highest : lowest"),
    "clamped in silence": (MAIN, "clamped = true;", "clamped = false;"),
    "values overlap": (MAIN, "from + 2 * i", "from + i"),
    "a value less in the digest": (
        MAIN,
        "digest(row, MODEL_INPUTS)",
        "digest(row, MODEL_INPUTS - 1)",
    ),
    "pins as they were asked": (MAIN, "answer[1] = pins_now();", "answer[1] = 1;"),
    "answer one more": (
        MAIN,
        "put16(answer + 2, (uint16_t)y)",
        "put16(answer + 2, (uint16_t)(y + 1))",
    ),
    "another session": (MAIN, "type, session, seq,", "type, (uint8_t)(session + 1), seq,"),
    "another model's seed": (MAIN, "seq, length, MODEL_SEED)", "seq, length, 0)"),
    "alarm at the threshold": (ALARM, "y > limit", "y >= limit"),
    "alarm stays": (ALARM, "alarm->red = wanted;", "alarm->red = 1;"),
    "sum of the first byte": (PROTOCOL, "sums = tinygen_add255(sums, sum);", "sums = sum;"),
    "high byte first": (PROTOCOL, "to[0] = (uint8_t)value;", "to[0] = (uint8_t)(value >> 8);"),
    "no length": (PROTOCOL, "at[3] = len;", "at[3] = 0;"),
}
