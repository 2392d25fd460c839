"""Which operands each kernel in assembly is tried with, against the same kernel in C.

A case is C that calls SAME(scalars ...) for each choice of operands. EACH runs over 65,536 values,
all of them in a proof and some of them in a sample; ALL always runs over all. What cannot be
enumerated, since it has more than 2^32 operands, takes corners (CORNER) and random values: the sum
that a product is added to, mostly. Long inputs and tables are random.
"""

from __future__ import annotations

from dataclasses import dataclass

# Places in flash and in RAM, a few bytes in front of a page of 256: addresses carry.
TABLE, X, OUT, OUT_BYTES = 0x01F9, 0x02F9, 0x04F9, 0x0200


@dataclass(frozen=True)
class Case:
    """A kernel: what it returns, its parameters in order, and C that tries operands.

    Parameters are scalars of SIZES, or arrays: `table` in flash, `x` read and `out` written in RAM,
    with the C type of what they hold.
    """

    name: str
    returns: str
    parameters: tuple[str, ...]
    body: str
    called: str = ""  # C of the call where it is not NAME(parameters)

    @property
    def kinds(self) -> list[str]:
        """The first word of each parameter."""
        return [p.partition(" ")[0] for p in self.parameters]


CASES: list[Case] = []


def case(name: str, returns: str, parameters: str, body: str, called: str = "") -> None:
    words = tuple(p.strip() for p in parameters.split(","))
    CASES.append(Case(f"tinygen_{name}", returns, words, body, called))


# ---- scalars: everything is enumerated -------------------------------------------------------
for pair in ("high", "high_round"):
    case(pair, "u16", "u16, u16", "EACH(a) ALL(b) SAME(a, b);")
case("distance", "u16", "i16, i16", "EACH(x) ALL(low) SAME(x, low);")
for literal in (-32768, -1, 0, 1, 255, 256, 4660, 32767):
    name = f"above_{literal}".replace("-", "minus_")
    case(name, "u16", "i16", "ALL(x) SAME(x);", f"tinygen_above(p0, {literal})")
case(
    "scale8",
    "u16",
    "i16, i16, u8, u16",
    "EACH(x) for (uint32_t m = 0; m < 256; ++m) CORNER(top) { SAME(x, 0x8000, m, top);"
    " SAME(x, top, m, 255); }",
)
case("square", "u16", "u16", "ALL(v) SAME(v);")
for name in ("log2", "log2_short"):
    case(name, "i16", "i16", "ALL(x) SAME(x);")

# ---- inputs: distance and multiplier ---------------------------------------------------------
MANY_INPUTS = """
    for (int turn = 0; turn < 3000; ++turn) {{
        uint32_t n = 1 + rnd() % 60;
        for (uint32_t k = 0; k < {row} * n; ++k) flash[TABLE + k] = (u8)rnd();
        for (uint32_t k = 0; k < n; ++k) put16(mem + X + 2 * k, rnd());
        SAME(n);
    }}
"""
case(
    "scale_bytes",
    "",
    "table int8_t, x int16_t, out int8_t, u8",
    "put16(flash + TABLE, 0x8000); EACH(x) for (uint32_t m = 0; m < 256; ++m) {"
    " put16(mem + X, x); flash[TABLE + 2] = (u8)m; SAME(1); }" + MANY_INPUTS.format(row=3),
)
for words in ("scale_words", "widen_words"):
    case(
        words,
        "",
        "table int8_t, x int16_t, out int16_t, u8",
        "put16(flash + TABLE, 0x8000); EACH(x) ALL(m) {"
        " put16(mem + X, x); put16(flash + TABLE + 2, m); SAME(1); }" + MANY_INPUTS.format(row=4),
    )

# the place behind the row is told beside u
WORD = (
    "({{ const int8_t *row = p0; int16_t u = {word}(&row, p1);"
    " (int16_t)(u ^ (int16_t)(row - p0)); }})"
)
for word in ("scale_word", "widen_word"):
    case(
        word,
        "i16",
        "table int8_t, i16",
        "put16(flash + TABLE, 0x8000); EACH(x) ALL(m) {"
        " put16(flash + TABLE + 2, m); SAME(x); }"
        " ALL(x) { put16(flash + TABLE, rnd()); put16(flash + TABLE + 2, rnd()); SAME(x); }",
        WORD.format(word=f"tinygen_{word}"),
    )
case(
    "scale_byte",
    "i16",
    "table int8_t, i16",
    "put16(flash + TABLE, 0x8000); EACH(x) BYTES(m) { flash[TABLE + 2] = (u8)m; SAME(x); }"
    " ALL(x) { put16(flash + TABLE, rnd()); flash[TABLE + 2] = (u8)rnd(); SAME(x); }",
    WORD.format(word="tinygen_scale_byte"),
)
MANY_UNIFORM = """
    for (int turn = 0; turn < 3000; ++turn) {
        uint32_t n = 1 + rnd() % 60;
        for (uint32_t k = 0; k < n; ++k) put16(mem + X + 2 * k, rnd());
        SAME(rnd(), rnd(), n);
    }
"""
for name, multiplier, held in (
    ("scale_bytes", "u8", "int8_t"),
    ("scale_words", "u16", "int16_t"),
    ("widen_words", "u16", "int16_t"),
):
    case(
        f"{name}_uniform",
        "",
        f"i16, {multiplier}, x int16_t, out {held}, u8",
        f"EACH(x) {'BYTES' if multiplier == 'u8' else 'ALL'}(m) {{"
        " put16(mem + X, x); SAME(0x8000, m, 1); }" + MANY_UNIFORM,
    )

# ---- tables: the step between two nodes and the fraction; the first node at corners ------------
SQUARES = ("interpolate_square", "interpolate_high")
for name, least in (("interpolate", -32768), *((square, 0) for square in SQUARES)):
    case(
        name,
        "u16" if least == 0 else "i16",
        "table int16_t, u16",
        f"""EACH(step) CORNER(here) {{
            int32_t from = (int16_t)here, to = from + (int16_t)step;
            if ((int16_t)step == -32768 || from < {least} || to < {least} || to > 32767) continue;
            uint32_t node = 37 * (step & 7) - (step & 4);
            put16(flash + TABLE + 2 * node, here);
            put16(flash + TABLE + 2 * node + 2, (uint32_t)to);
            for (uint32_t f = 0; f < 256; ++f) SAME(node << 8 | f);
        }}
        ALL(here) {{
            uint32_t there = (here + rnd() % 3) & 0x7FFF;
            if ((int16_t)here < {least} || here == 0x8000) continue;
            put16(flash + TABLE, here); put16(flash + TABLE + 2, here < 0x8000 ? there : here);
            SAME(rnd() & 255);
        }}""",
    )
CURVES = """
    EACH(x) for (uint32_t bits = 1; bits < 16; ++bits) {
        uint32_t cells = 1 + rnd() % 126;
        while ((cells << bits) > 65536) cells /= 2;
        if (!cells) continue;
        uint32_t n = 1 + rnd() % 3, size = 8 + 2 * (cells + 1);
        for (uint32_t k = 0; k < n; ++k) {
            u8 *at = flash + TABLE + k * size;
            put16(at, (70 * k + bits) | bits << 8);
            put16(at + 2, k ? rnd() : x - rnd() % (2 * cells << bits));
            put16(at + 4, (cells << bits) - 1);
            put16(at + 6, 2 * (cells + 1));
            for (uint32_t node = 0; node <= cells; ++node)
                put16(at + 8 + 2 * node, rnd() % 32768 - 16384);
            put16(mem + X + 2 * (70 * k + bits), k ? rnd() : x);
        }
        SAME(rnd(), n);
    }
"""
case("curves", "i24", "i24, table int16_t, x int16_t, u8", CURVES)

# ---- trees -----------------------------------------------------------------------------------
LEAF = """
    flash[TABLE] = 0x60; flash[TABLE + {many}] {few}= 0;
    EACH(limit) ALL(x) {{
        put16(flash + TABLE + 1 + {many}, limit); put16(mem + X, x); SAME(1 + (x & 3));
    }}
    for (int turn = 0; turn < 20000; ++turn) {{
        uint32_t leaf = 1 + rnd() % {most};
        grow(TABLE, 1 + rnd() % 5, {many}, {far}, leaf);
        for (uint32_t k = 0; k < 256; ++k) put16(mem + X + 2 * k, rnd());
        SAME(leaf);
    }}
"""
for many, far in ((0, 0), (0, 1), (1, 0), (1, 1)):
    facts = {"many": many, "far": far, "few": "" if many else "|", "most": 500 if far else 4}
    case(
        "leaf" + "_many" * many + "_far" * far,
        "ptr",
        f"table int8_t, x int16_t, u{16 if far else 8}",
        LEAF.format(**facts),
    )
case(
    "add_leaf",
    "",
    "out int16_t, table int8_t, u8",
    "EACH(sum) for (uint32_t v = 0; v < 256; ++v) {"
    " put16(mem + OUT, sum); flash[TABLE] = (u8)v; AS_TWIN; SAME(1); }"
    "for (int turn = 0; turn < 3000; ++turn) { for (uint32_t k = 0; k < 60; ++k) {"
    " put16(mem + OUT + 2 * k, rnd()); flash[TABLE + k] = (u8)rnd(); } AS_TWIN;"
    " SAME(1 + rnd() % 60); }",
)

# ---- sums of products: both factors; the sum at corners ----------------------------------------
WIDTH = {"s8": 1, "u8": 1, "s16": 2}
C_TYPE = {"s8": "int8_t", "u8": "uint8_t", "s16": "int16_t"}
MANY_PRODUCTS = """
    for (int turn = 0; turn < 3000; ++turn) {{
        for (uint32_t k = 0; k < 256; ++k) {{
            flash[TABLE + k] = (u8)rnd(); mem[X + k] = (u8)rnd();
        }}
        SAME(rnd(), 1 + rnd() % {most});
    }}
"""
DOTS = """s8_w8_16 u8_w8_16 s8_w8_24 u8_w8_24 s8_w8_32 u8_w8_32 s16_w8_24 s16_w8_32 s8_w16_32
u8_w16_32 s16_w16_32"""
for dot in DOTS.split():
    x, w, acc = dot.split("_")
    wide = (int(w[1:]) + 8 * WIDTH[x]) > 24
    inputs = "EACH(x)" if x == "s16" else "BYTES(x)"
    weights = "ALL(w)" if x == "s16" and w == "w16" else "EACH(w)" if w == "w16" else "BYTES(w)"
    sums = "for (uint32_t acc = rnd(), once = 1; once; once = 0)" if wide else "CORNER32(acc)"
    case(
        f"dot_{dot}",
        f"i{acc}",
        f"i{acc}, table int{w[1:]}_t, x {C_TYPE[x]}, u8",
        f"{inputs} {weights} {{ put16(mem + X, x); put16(flash + TABLE, w);"
        f" {sums} SAME(acc, 1); }}" + MANY_PRODUCTS.format(most=120),
    )
case(
    "times_s16_w8",
    "i24",
    "i16, i8",
    "EACH(x) BYTES(w) SAME(x, w);",
)
LINEAR = """
    put16(flash + TABLE, 0x8000);
    EACH(x) ALL(m) {
        put16(mem + X, x); put16(flash + TABLE + 2, m); flash[TABLE + 4] = (u8)(x * 31 + m);
        SAME(x << 16 ^ m * 40503u, 1);
    }
    put16(flash + TABLE + 2, 0xFFFF);
    for (uint32_t d = 0; d < 4200; ++d) BYTES(w) CORNER32(acc) {
        put16(mem + X, 0x8000 + d); flash[TABLE + 4] = (u8)w; SAME(acc, 1);
    }
    for (int turn = 0; turn < 3000; ++turn) {
        for (uint32_t k = 0; k < 256; ++k) {
            flash[TABLE + k] = (u8)rnd(); mem[X + k] = (u8)rnd();
        }
        SAME(rnd(), 1 + rnd() % 50);
    }
"""
for acc in ("24", "32"):
    case(f"linear_w8_{acc}", f"i{acc}", f"i{acc}, table int8_t, x int16_t, u8", LINEAR)
TERMS = """
    flash[TABLE] = 0; flash[TABLE + 1] = 1;
    BYTES(a) BYTES(b) {{
        mem[X] = (u8)a; mem[X + 1] = (u8)b;
        {weights} {{ put16(flash + TABLE + 2, w); SAME(w * 40503u ^ a << 20, 1); }}
    }}
    CORNER32(acc) BYTES(a) BYTES(b) {{
        mem[X] = (u8)a; mem[X + 1] = (u8)b; put16(flash + TABLE + 2, rnd()); SAME(acc, 1);
    }}
    for (int turn = 0; turn < 3000; ++turn) {{
        for (uint32_t k = 0; k < 256; ++k) {{
            flash[TABLE + k] = (u8)rnd(); mem[X + k] = (u8)rnd();
        }}
        SAME(rnd(), 1 + rnd() % 50);
    }}
"""
for terms in ("w8_24", "w8_32", "w16_32"):
    acc = terms[-2:]
    weights = "EACH(w)" if terms == "w16_32" else "BYTES(w)"
    case(
        f"terms_{terms}",
        f"i{acc}",
        f"i{acc}, table int8_t, x int8_t, u8",
        TERMS.format(weights=weights),
    )

# ---- hidden layers: input and weight; the unit's value and its share ----------------------------
# A sum of a unit that leaves 24 bits, or makes a fine unit leave int16, is left out, and so is one
# of a unit of bytes that leaves 22 bits: the generator has proven that there is none.
UNITS = """
    {inputs} BYTES(w) CORNER(bias) {{
        int32_t start = (int16_t)bias * {bias_unit}, sum = start + {half} + (int8_t)w * ({x_t})x;
        if (sum > {most} || sum < {least}) continue;
        uint32_t unit = x % {units};
        scatter({units}, {bias}, 1, {share});
        put_bias(flash + TABLE + {bias} * unit, {bias}, {held});
        flash[TABLE + {weights} + unit] = (u8)w;
        put16(mem + X, x);
        SAME({acc}{count}, 1);
    }}
"""
SHARES = """
    EACH(value) {shares} {{
        uint32_t unit = value % {units};
        if (!(v & 255)) scatter({units}, {bias}, 1, {share});
        put_bias(flash + TABLE + {bias} * unit, {bias}, {unit_value});
        flash[TABLE + {weights} + unit] = 0;
        put16(mem + X, 0);
        if ({share} == 1) flash[TABLE + {weights} + {units} + unit] = (u8)v;
        else put16(flash + TABLE + {weights} + {units} + 2 * unit, v);
        SAME(value << 16 ^ v * 40503u, {count}, 1);
    }}
    CORNER32(acc) for (int turn = 0; turn < 300; ++turn) {{
        scatter({units}, {bias}, 1, {share}); put16(mem + X, rnd()); SAME(acc, {count}, 1);
    }}
"""
LONG_UNITS = """
    for (int turn = 0; turn < 3000; ++turn) {{
        uint32_t rows = 1 + rnd() % 9, n = 1 + rnd() % 12;
        u8 *at = flash + TABLE;
        for (uint32_t k = 0; k < rows; ++k) {{
            for (uint32_t u = 0; u < {units}; ++u, at += {bias})
                put_bias(at, {bias}, rnd() % 9000 - 4500);
            for (uint32_t u = 0; u < {units} * n; ++u) *at++ = (u8)({weight});
            for (uint32_t u = 0; u < {units} * {share}; ++u) *at++ = (u8)rnd();
        }}
        for (uint32_t k = 0; k < n; ++k) put_input(mem + X, k, {width}, rnd() % 6000 - 3000);
        SAME({acc}rows, n);
    }}
"""
EVERY_SUM = """
    EACH(value) for (uint32_t part = 0; part < 64; ++part) {{
        uint32_t unit = value % {units};
        if (!part) scatter({units}, {bias}, 1, {share});
        put_bias(flash + TABLE + {bias} * unit, {bias}, (uint32_t)((int16_t)value * 64) + part);
        flash[TABLE + {weights} + unit] = 0;
        mem[X] = 0;
        SAME(1, 1);
    }}
"""
# of a unit's sum: in a byte dropped, or in `shift` bits
DROPS_A_BYTE = {
    "bias": 2,
    "bias_unit": 256,
    "half": 128,
    "least": -8388608,
    "most": 8388607,
    "held": "bias",
    "unit_value": "value",
    "weight": "rnd()",
}


def drops(shift: int) -> dict:
    """Weights small enough for sums of twelve; each value of a unit, and sums below 0."""
    return {
        "bias": 3,
        "bias_unit": 1 << shift,
        "half": 0,
        "least": -8388608,
        "most": (32768 << shift) - 1,
        "held": "(uint32_t)start",
        "unit_value": f"value < 32768 ? value << {shift} : 0u - value",
        "weight": "rnd() % 40 - 20" if shift == 1 else "rnd()",
    }


BYTES_OF_UNITS = drops(6) | {"least": -(2**21), "most": 2**21 - 1}


def of_inputs(x: str, form: dict) -> dict:
    inputs = "EACH(x)" if x == "s16" else "BYTES(x)"
    return {"inputs": inputs, "x_t": C_TYPE[x], "count": "1", "width": WIDTH[x], **form}


def stored_cases(names: str, x: str, form: dict, unit: str = "int16_t", more: str = "") -> None:
    """The layers that store their units, of one, two and four units at a time."""
    facts = of_inputs(x, form)
    for kind, units in (("layer", 1), ("layer_pairs", 2), ("layer_quads", 4)):
        told = facts | {"units": units, "share": 0, "weights": form["bias"] * units, "acc": ""}
        case(
            names.format(kind=kind),
            "",
            f"table int8_t, x {C_TYPE[x]}, out {unit}, u8, u8",
            (UNITS + more + LONG_UNITS).format(**told),
        )


def layer_cases(names: str, x: str, form: dict) -> None:
    """The layers that store their units, and the nets."""
    stored_cases(names, x, form)
    facts = of_inputs(x, form)
    for operands in ("w8_24", "w8_32", "w16_32"):
        share = 2 if operands == "w16_32" else 1
        acc = operands[-2:]
        for kind, units in (("net", 1), ("pairs", 2), ("quads", 4)):
            told = facts | {
                "units": units,
                "share": share,
                "shares": "ALL(v)" if share == 2 else "BYTES(v)",
                "weights": form["bias"] * units,
                "acc": "rnd(), ",
            }
            case(
                f"{names.format(kind=kind)}_{operands}",
                f"i{acc}",
                f"i{acc}, table int8_t, x {C_TYPE[x]}, u8, u8",
                UNITS.format(**told) + SHARES.format(**told) + LONG_UNITS.format(**told),
            )


for x in ("s8", "u8", "s16"):
    layer_cases(f"relu_{{kind}}_{x}", x, DROPS_A_BYTE)
for shift in (1, 4):
    layer_cases(f"fine_{{kind}}_{shift}", "s8", drops(shift))
stored_cases("byte_{kind}_6", "s8", BYTES_OF_UNITS, "int8_t", EVERY_SUM)

# the same with inputs in registers: all weights but one are 0, the other inputs random
HELD = """
    EACH(x) BYTES(w) CORNER(bias) {{
        int32_t sum = (int16_t)bias * 256 + 128 + (int8_t)w * (int16_t)x;
        if (sum > 8388607 || sum < -8388608) continue;
        for (uint32_t k = 0; k < {n}; ++k) {{
            flash[TABLE + 2 + k] = 0x80; put16(mem + X + 2 * k, rnd());
        }}
        put16(flash + TABLE, bias - 128 * (int8_t)w);
        flash[TABLE + 2 + x % {n}] = (u8)(w ^ 0x80);
        put16(mem + X + 2 * (x % {n}), x);
        put16(flash + TABLE + 2 + {n}, rnd());
        SAME(rnd(), 1);
    }}
    memset(flash + TABLE + 2, 0x80, {n});
    EACH(bias) {shares} {{
        put16(flash + TABLE, bias); put16(flash + TABLE + 2 + {n}, v);
        SAME(bias << 16 ^ v * 40503u, 1);
    }}
    CORNER32(acc) for (int turn = 0; turn < 300; ++turn) {{
        put16(flash + TABLE, rnd()); put16(flash + TABLE + 2 + {n}, rnd());
        SAME(acc, 1);
    }}
    for (int turn = 0; turn < 3000; ++turn) {{
        uint32_t rows = 1 + rnd() % 9;
        u8 *at = flash + TABLE;
        for (uint32_t k = 0; k < rows; ++k) {{
            int32_t bias = (int32_t)(rnd() % 9000) - 4500;
            u8 *row = at;
            at += 2;
            for (uint32_t i = 0; i < {n}; ++i, ++at) {{
                *at = (u8)rnd();
                bias -= 128 * (int8_t)(*at ^ 0x80);
            }}
            put16(row, (uint32_t)bias);
            for (uint32_t i = 0; i < {share}; ++i) *at++ = (u8)rnd();
        }}
        for (uint32_t k = 0; k < {n}; ++k) put16(mem + X + 2 * k, rnd() % 6000 - 3000);
        SAME(rnd(), rows);
    }}
"""
for n in range(2, 8):
    for operands in ("w8_24", "w8_32", "w16_32"):
        share = 2 if operands == "w16_32" else 1
        shares = "ALL(v)" if share == 2 else "BYTES(v)"
        case(
            f"relu_held_{n}_{operands}",
            f"i{operands[-2:]}",
            f"i{operands[-2:]}, table int8_t, x int16_t, u8",
            HELD.format(n=n, share=share, shares=shares),
        )
