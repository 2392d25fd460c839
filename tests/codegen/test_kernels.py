"""The runtime's kernels on the chip: portable C and other texts of a model against the twin, and
mutants that must be caught. The usual text of each model is in tests/sim/test_chip.py.
"""

import subprocess
from dataclasses import replace
from pathlib import Path

import host_c
import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from random_models import dense, random_models
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.chain import chain_views
from tinygen.codegen.emit import render_header, runtime
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError, ModelError
from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import OPTIMIZE, Model
from tinygen.model.nodes import prefix_bounds
from tinygen.model.operations.argmax import Argmax
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.dense_kernels import HELD_INPUTS
from tinygen.model.operations.exp2 import Exp2
from tinygen.model.operations.log2 import Log2
from tinygen.model.operations.scale import Scale
from tinygen.target import avr_gcc, bare
from tinygen.target.bare import BareChip, measure_cost

MODELS = random_models()
UNO = BOARDS["uno"]
ROWS = 200
NO_ASM = "-DTINYGEN_NO_ASM"
KERNEL_CYCLES = 400_000_000


def wrong_on_chip(model, header=None) -> int:
    """Rows that the chip answers otherwise than the twin."""
    rows = model.sample_rows(ROWS, seed=3)
    with BareChip(model, UNO, header, timed=False) as chip:
        return int((chip.predict(rows) != model.predict(rows)).sum())


def headers(name) -> set[str]:
    """The different texts that `optimize` gives for one model, the default aside."""
    return {render_header(replace(MODELS[name], optimize=optimize)) for optimize in OPTIMIZE} - {
        render_header(MODELS[name])
    }


def is_linear(model) -> bool:
    """True where the model's first step is a fused linear kernel."""
    return chain_views(model, ["x"] * len(model.inputs))[0].macros == "linear"


def use_flags(monkeypatch, *flags):
    monkeypatch.setattr(avr_gcc, "OPTIONS", (*avr_gcc.OPTIONS, *flags))


def use_runtime(monkeypatch, change):
    """Compiles with changed runtime headers, for the chip and for the host."""
    changed = mutated(change)
    for module in (bare, host_c):
        monkeypatch.setattr(module, "runtime", lambda *_: changed)


def mutated(change) -> dict[str, str]:
    """The runtime headers with `change` made to each text; one at least must differ."""
    changed = {name: change(text) for name, text in runtime().items()}
    assert changed != runtime()
    return changed


@pytest.mark.parametrize("name", MODELS)
def test_portable_c_equals_the_twin_on_the_chip(name, simavr, monkeypatch):
    use_flags(monkeypatch, NO_ASM)
    assert wrong_on_chip(MODELS[name]) == 0


@pytest.mark.parametrize(
    "flags", [("-O0",), ("-O1",), ("-O2",), ("-O3",), ("-flto", "-Wl,-u,bare_y")], ids=" ".join
)
@pytest.mark.parametrize(
    "name", ["linear16", "linear_wide", "additive", "squares_wide", "mlp_two", "mlp_wide16"]
)
def test_any_optimisation_gives_the_same_answers(name, flags, level, simavr, monkeypatch):
    if level == "commit":
        pytest.skip("every model at these levels is in test_compilers: --level release")
    use_flags(monkeypatch, *flags)
    assert wrong_on_chip(MODELS[name]) == 0


@pytest.mark.parametrize("name", [name for name in MODELS if headers(name)])
def test_size_and_speed_give_the_same_answers(name, level, simavr, tmp_path):
    """As C++ too where the programme is long; test_compilers has every text in both languages."""
    model = MODELS[name]
    languages = host_c.LANGUAGES if level == "release" else ("c99",)
    rows = model.sample_rows(2000, seed=3)
    for k, header in enumerate(sorted(headers(name))):
        assert wrong_on_chip(model, header=header) == 0
        for language in languages:
            program = host_c.compile_header(model, tmp_path / str(k), language, header)
            assert (host_c.run_rows(program, rows) == model.predict(rows)).all()


@pytest.mark.parametrize("name", ["mlp_layer", "mlp_wide16", "squares_long", "additive_wide"])
def test_speed_costs_cycles_less_and_size_flash_less(name, simavr):
    costs = {}
    for optimize in ("size", "speed"):
        costs[optimize] = measure_cost(replace(MODELS[name], optimize=optimize), UNO)
    assert costs["speed"].cycles_median < costs["size"].cycles_median
    assert costs["size"].flash_bytes < costs["speed"].flash_bytes


@pytest.mark.parametrize("flags", [(), (NO_ASM,)], ids=["assembly", "c"])
@pytest.mark.parametrize(
    "nodes",
    [
        (Log2((0,)), Dense(((1,),), (0,), 0, -32767, 32767)),
        (Scale((-32767,), (65535,), 16, 32767, 0), Dense(((2,),), (0,), 0, 0, 61438), Exp2()),
    ],
    ids=["log2", "exp2"],
)
def test_logarithms_of_every_value(nodes, flags, simavr, monkeypatch):
    use_flags(monkeypatch, *flags)
    model = Model(
        "all",
        "all",
        (Quantity("x", "", 1.0, -32767.0, 32767.0),),
        Quantity("y", "", 1.0, 0.0, 1.0),
        nodes,
    )
    rows = np.arange(-32767, 32768).reshape(-1, 1)
    with BareChip(model, UNO, timed=False) as chip:
        assert (chip.predict(rows) != model.predict(rows)).sum() == 0


def test_an_unknown_goal_is_refused():
    with pytest.raises(ModelError, match="'tiny': one of balanced, size, speed"):
        replace(MODELS["mlp"], optimize="tiny")


def kernel_faults(simavr, folder, headers: dict[str, str], flags=()) -> list[int]:
    """Differences per group of kernels that kernels.c counts on the Uno's chip."""
    for file, text in headers.items():
        (folder / file).write_text(text)
    (folder / "kernels.c").write_text((Path(__file__).parents[1] / "sim" / "kernels.c").read_text())
    elf = folder / "kernels.elf"
    subprocess.run(
        [
            simavr.avr_gcc,
            f"-mmcu={UNO.mcu}",
            "-Os",
            "-std=gnu99",
            "-Wall",
            "-Wextra",
            "-Werror",
            *flags,
            "kernels.c",
            "-o",
            elf,
        ],
        cwd=folder,
        check=True,
    )
    with open(elf, "rb") as stream:
        symbols = {
            s.name: s["st_value"] & 0xFFFF
            for s in ELFFile(stream).get_section_by_name(".symtab").iter_symbols()
        }
    with SimBoard(UNO, elf) as chip:
        assert chip.run_until(
            lambda sim: sim.read_memory(symbols["done"], 1) == b"\1", KERNEL_CYCLES, 100_000
        )
        counts = chip.read_memory(symbols["wrong"], 16)
    return [int.from_bytes(counts[k : k + 2], "little") for k in range(0, 16, 2)]


@pytest.mark.parametrize("flags", [(), (NO_ASM,)], ids=["assembly", "portable"])
def test_scalar_kernels_equal_plain_arithmetic(flags, simavr, tmp_path):
    assert kernel_faults(simavr, tmp_path, runtime(), flags) == [0] * 8


@pytest.mark.parametrize(
    "right, mistaken, groups",
    [
        ("fmul %A[v],%B[v]", "mul %A[v],%B[v]", {0, 3}),
        ("adc %A[v],r1", "add %A[v],r1", {2, 3}),
        ("brge 1f", "brcc 1f", {4, 5, 6}),
    ],
)
def test_one_wrong_instruction_is_seen(right, mistaken, groups, simavr, tmp_path):
    headers = mutated(lambda text: text.replace(right, mistaken))
    faults = kernel_faults(simavr, tmp_path, headers)
    assert {k for k, count in enumerate(faults) if count} == groups


def scaled_inputs(scale: Scale, *more: Dense) -> Model:
    """Answers u of its first input, so that no bit of a kernel's product is hidden behind a
    shift.
    """
    raw, n = Quantity("x", "", 1.0, -30000.0, 30000.0), len(scale.low)
    first = Dense(((1,) + (0,) * (n - 1),), (scale.zero,), 0, 0, scale.top)
    answer = Quantity("u", "", 1.0, 0.0, 4000.0)
    return Model("one", "ridge", (raw,) * n, answer, (scale, *more, first))


def one_scaled_input(low: int, multiplier: int, shift: int = 16) -> Model:
    return scaled_inputs(Scale((low,), (multiplier,), shift, 4095, 2048))


def uniform_inputs(low: int, multiplier: int, shift: int, top: int = 4095) -> Model:
    """Two inputs of one range. A layer that passes them on keeps them from the linear kernel."""
    scale = Scale((low,) * 2, (multiplier,) * 2, shift, top, (top + 1) // 2)
    return scaled_inputs(scale, Dense(((1, 0), (0, 1)), (0, 0), 0, -32767, 32767))


def wrong_inputs(low: int, multiplier: int, shift: int = 16) -> int:
    """How many of many raw inputs, all near `low`, the chip scales otherwise than the twin."""
    return wrong_near(one_scaled_input(low, multiplier, shift), low)


def wrong_near(model: Model, low: int) -> int:
    near = np.arange(max(low - 40, -32768), min(low + 4200, 32768))
    rows = np.unique(np.concatenate([np.arange(-32768, 32768, 17), near]))[:, None]
    rows = np.hstack([rows, rows[::-1]])[:, : len(model.inputs)]
    with BareChip(model, UNO, timed=False) as chip:
        return int((chip.predict(rows) != model.predict(rows)).sum())


@pytest.mark.parametrize(
    "low, multiplier",
    [
        (-32767, 4095),
        (-32767, 1),
        (-700, 65535),
        (0, 40503),
        (32767, 65535),
        (-20000, 0x80FF),
        (255, 256),
    ],
)
def test_the_linear_kernel_scales_every_input_exactly(low, multiplier, simavr):
    assert wrong_inputs(low, multiplier) == 0


@pytest.mark.parametrize(
    "low, multiplier",
    [
        (-32767, 65535),
        (-32767, 256),
        (-700, 1024),
        (0, 40503),
        (32767, 65535),
        (-20000, 0x80FF),
        (255, 257),
    ],
)
def test_the_widening_kernel_scales_every_input_exactly(low, multiplier, simavr):
    assert "tinygen_widen_words(" in render_header(one_scaled_input(low, multiplier, 8))
    assert wrong_inputs(low, multiplier, 8) == 0


UNIFORM = {  # shift, top, multiplier -> the kernel
    (8, 255, 255): "tinygen_scale_bytes_uniform",
    (8, 255, 1): "tinygen_scale_bytes_uniform",
    (16, 4095, 65535): "tinygen_scale_words_uniform",
    (16, 4095, 0x80FF): "tinygen_scale_words_uniform",
    (8, 4095, 65535): "tinygen_widen_words_uniform",
    (8, 4095, 257): "tinygen_widen_words_uniform",
}


@pytest.mark.parametrize("low", [-32767, -700, 255, 32767])
@pytest.mark.parametrize("shift, top, multiplier", UNIFORM)
def test_inputs_of_one_range_are_scaled_exactly_without_a_table(
    shift, top, multiplier, low, level, simavr
):
    if level == "commit" and low != -700:
        pytest.skip("one lowest value a kernel: the others at --level release")
    model = uniform_inputs(low, multiplier, shift, top)
    header = render_header(model)
    assert f"{UNIFORM[shift, top, multiplier]}({low}, {multiplier}u, x," in header
    assert "_scale[" not in header
    assert wrong_near(model, low) == 0


@pytest.mark.parametrize(
    "right, mistaken",
    [
        ("sbc %[hi],%B[low]", "sbc %[hi],%A[low]"),
        ("mov %[b],%B[m]", "mov %[b],%A[m]"),
        ("brge 2f", "brcc 2f"),
    ],
)
def test_one_wrong_instruction_of_the_uniform_kernels_is_seen(right, mistaken, simavr, monkeypatch):
    use_runtime(monkeypatch, lambda text: text.replace(right, mistaken))
    assert wrong_near(uniform_inputs(-700, 0x80FE, 16), -700) > 0


def test_a_range_of_its_own_keeps_the_table():
    scale = Scale((-700, -701), (300, 300), 8, 4095, 2048)
    header = render_header(scaled_inputs(scale, Dense(((1, 0), (0, 1)), (0, 0), 0, -9, 9)))
    assert "tinygen_widen_words(one_u1_scale, x," in header


def test_inputs_of_one_range_cost_no_byte_each(simavr):
    """36 pixels scaled to 8 bits and weighed six times: 492 bytes and 4,674 cycles, where a table
    of ranges took 604 bytes.
    """
    rng = np.random.default_rng(5)
    scale = Scale((-2,) * 36, (255,) * 36, 8, 255, 128)
    weights = tuple(map(tuple, rng.integers(-127, 128, (6, 36)).tolist()))
    layer = Dense(weights, tuple(range(6)), 4, -32768, 32767)
    pixels = tuple(Quantity(f"p{k}", "", 1.0, 0.0, 16.0) for k in range(36))
    labels = tuple("abcdef")
    answer = Quantity("class", "", 1.0, 0.0, 5.0)
    model = Model("pixels", "logistic", pixels, answer, (scale, layer, Argmax()), labels=labels)
    cost = measure_cost(model, UNO)
    assert cost.flash_bytes <= 492
    assert cost.cycles_max <= 4700


@pytest.mark.parametrize(
    "right, mistaken",
    [
        ("lsl r0\\n\\tclr %[d]", "clr r0\\n\\tclr %[d]"),
        ("adc %[lo],r1", "nop"),
        ("cpc %[lo],%[a]", "nop"),
        ("cpi %[d],16", "cpi %[d],17"),
    ],
)
def test_one_wrong_instruction_of_the_widening_kernel_is_seen(right, mistaken, simavr, monkeypatch):
    use_runtime(monkeypatch, lambda text: text.replace(right, mistaken))
    assert (
        sum(
            wrong_inputs(low, multiplier, 8)
            for low, multiplier in ((-32767, 65535), (-700, 1024), (-20000, 0x80FF))
        )
        > 0
    )


@pytest.mark.parametrize(
    "right, mistaken",
    [
        ("subi %A[u],0x80", "subi %A[u],0x81"),
        ("sbci %B[u],0xFF", "sbci %B[u],0"),
        ("adc %[lo],%[lo]", "nop"),
        ("adc r1,%[lo]", "nop"),
        ("cpi %B[u],16", "cpi %B[u],17"),
        ("ldi %A[u],255", "ldi %A[u],254"),
        ("brge 2f", "brcc 2f"),
    ],
)
def test_one_wrong_instruction_of_the_linear_kernel_is_seen(right, mistaken, simavr, monkeypatch):
    use_runtime(monkeypatch, lambda text: text.replace(right, mistaken))
    assert (
        sum(wrong_inputs(low, multiplier) for low, multiplier in ((-32767, 4095), (-700, 65535)))
        > 0
    )


HELD_OUTPUTS = {  # limits of the shares, the output's bias and shift
    "w8_24": (9, 1000, 9),
    "w8_32": (127, 8_500_000, 9),
    "w16_32": (6000, 1000, 13),
}
HELD = [(n, ends) for n in HELD_INPUTS for ends in HELD_OUTPUTS]


def held_net(inputs_n: int, ends: str) -> Model:
    """A net whose inputs stay in registers, of the largest weights and of sums near 24 bits."""
    rng = np.random.default_rng(inputs_n)
    limit, bias, shift = HELD_OUTPUTS[ends]
    scale = Scale((-2048,) * inputs_n, (65535,) * (inputs_n - 1) + (65534,), 16, 4095, 2048)
    hidden = dense(rng, 12, inputs_n, 8, 0, 32767, bias=24000, bias_shift=8)
    ends_of = [(127,) * inputs_n, (-127,) * inputs_n, (127, -127) * inputs_n]
    weights = tuple(row[:inputs_n] for row in ends_of) + hidden.weights[3:]
    most = 2**15 - 8 * 127 * inputs_n - 2
    hidden = replace(hidden, weights=weights, bias=(most, -most, *hidden.bias[2:]))
    output = dense(rng, 1, 12, shift, -32767, 32767, limit=limit)
    output = replace(output, bias=(bias,), weights=((limit, *output.weights[0][1:]),))
    q = tuple(Quantity(f"s{k}", "", 1.0, -2048.0, 2047.0) for k in range(inputs_n))
    answer = Quantity("y", "", 1.0, -30000.0, 30000.0)
    return Model("held", "mlp", q, answer, (scale, hidden, output), optimize="speed")


@pytest.mark.parametrize("flags", [(), (NO_ASM,)], ids=["assembly", "portable"])
@pytest.mark.parametrize("inputs_n, ends", HELD)
def test_a_net_with_inputs_in_registers_answers_as_the_twin(
    inputs_n, ends, flags, level, simavr, monkeypatch
):
    if level == "commit" and list(HELD_OUTPUTS)[inputs_n % 3] != ends:
        pytest.skip("one kind of output for each number of inputs: all at --level release")
    use_flags(monkeypatch, *flags)
    model = held_net(inputs_n, ends)
    assert f"tinygen_relu_held_{inputs_n}_{ends}(" in render_header(model)
    assert wrong_on_chip(model) == 0


@pytest.mark.parametrize("ends", HELD_OUTPUTS)
def test_the_same_net_on_this_computer(ends, tmp_path):
    model = held_net(5, ends)
    rows = np.vstack([model.sample_rows(2000, seed=3), *([v] * 5 for v in (-32768, 32767))])
    program = host_c.compile_header(model, tmp_path)
    assert (host_c.run_rows(program, rows) == model.predict(rows)).all()


def test_a_second_layer_reads_units_from_registers(simavr):
    """Its inputs reach 32767: all sixteen bits are multiplied."""
    first, rng = held_net(5, "w8_24"), np.random.default_rng(9)
    one = dense(rng, 4, 5, 8, 0, 32767, bias=30000, bias_shift=8)
    two = dense(rng, 12, 4, 8, 0, 32767, limit=30, bias=9000, bias_shift=8)
    last = dense(rng, 1, 12, 9, -32767, 32767, limit=60)
    model = replace(first, nodes=(first.nodes[0], one, two, last))
    assert "tinygen_relu_held_4_w8_24(" in render_header(model)
    assert model.bounds[1].high[0] > 25000
    assert wrong_on_chip(model) == 0


@pytest.mark.parametrize(
    "right, mistaken",
    [
        ("subi %[w],0x80", "subi %[w],0x81"),
        ("bld %[lo],7", "nop"),
        ("ror %[a1]\\n\\tror %[lo]", "lsr %[a1]\\n\\tror %[lo]"),
        ("sbc %[a2],%[hi]", "nop"),
        ("adc %[a1],r1\\n\\tadc %[a2],%[hi]", "adc %[a1],r1\\n\\tnop"),
        ("clr %[hi]\\n\\tclr %[lo]", "clr %[lo]\\n\\tnop"),
    ],
)
def test_one_wrong_instruction_of_the_held_kernels_is_seen(right, mistaken, simavr, monkeypatch):
    use_runtime(monkeypatch, lambda text: text.replace(right, mistaken))
    assert sum(wrong_on_chip(held_net(n, "w16_32")) for n in (6, 7)) > 0


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if is_linear(model)])
def test_zero_folded_into_the_start_keeps_the_proven_interval(name):
    """The sums without `zero` stay within the interval that was proven for those with it."""
    model = MODELS[name]
    scale, output = model.nodes[:2]
    (weights,), proven = output.weights, model.bounds[1]
    ends = [sorted((0, w * scale.top)) for w in weights]
    start = output.start[0] - scale.zero * sum(weights)
    assert prefix_bounds(start, [e[0] for e in ends], [e[1] for e in ends]) == (
        proven.acc_low,
        proven.acc_high,
    )


def test_all_widths_of_the_linear_kernel_are_reached():
    kernels = {
        view.kernel
        for model in MODELS.values()
        if is_linear(model)
        for view in chain_views(model, ["x"] * len(model.inputs))[:1]
    }
    assert kernels == {"tinygen_linear_w8_24", "tinygen_linear_w8_32"}


@pytest.mark.parametrize("name", ["linear8", "mlp_layer", "squares", "mlp", "mlp_signed"])
def test_the_trap_of_16_bit_int_is_caught(name, simavr, monkeypatch, tmp_path):
    """Sums in plain `int` are right on a PC, even under the sanitizer, and wrong on the chip: the
    comparison sees it.
    """
    plain_int = lambda text: text.replace(
        "typedef __int24 tinygen_int24", "typedef int tinygen_int24"
    ).replace("typedef int32_t tinygen_int24", "typedef int tinygen_int24")
    model = MODELS[name]
    rows = model.sample_rows(2000, seed=3)
    use_runtime(monkeypatch, plain_int)
    assert (
        host_c.run_rows(host_c.compile_header(model, tmp_path), rows) == model.predict(rows)
    ).all()
    use_flags(monkeypatch, NO_ASM, "-Wno-type-limits")  # so that no warning gives it away
    assert wrong_on_chip(model) > 0


def test_the_trap_leaves_a_sum_that_fits_16_bits_alone(simavr, monkeypatch):
    """The proof chose 16 bits for this model: plain `int` serves it, so the test above fails for
    the right reason.
    """
    use_runtime(
        monkeypatch,
        lambda text: text.replace("typedef __int24 tinygen_int24", "typedef int tinygen_int24"),
    )
    use_flags(monkeypatch, NO_ASM)
    assert wrong_on_chip(MODELS["linear_narrow"]) == 0


def test_an_empty_program_that_does_not_compile_is_said(simavr, monkeypatch):
    """What a model is measured against is compiled once and kept: its failure must not be taken for
    a size.
    """
    monkeypatch.setattr(bare, "EMPTY_MODEL", "#error no such model")
    bare._empty.cache_clear()
    with pytest.raises(BuildError, match=r"does not compile for Arduino Uno: .*no such model"):
        measure_cost(MODELS["linear8"], UNO)
