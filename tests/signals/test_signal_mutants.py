"""Faults put into the kernels and the generated header, one at a time: the comparison with the twin
sees each of them.
"""

import pytest
from signal_host import compile_texts, main_of, of_host, of_twin, texts
from signal_models import recording, signal_models

KERNELS = "tinygen_signal.h"
# what is wrong -> the model that shows it, file, text, its replacement
MUTANTS = {
    "root one too large": ("wide", KERNELS, "trial <= square", "trial <= square + 1"),
    "root of 15 bits": ("wide", KERNELS, "bit = 0x8000u", "bit = 0x4000u"),
    "no saturation of a band": (
        "narrow",
        KERNELS,
        "if (y > TINYGEN_BAND_LIMIT)",
        "if (y > TINYGEN_BAND_LIMIT + 1)",
    ),
    "no saturation below": (
        "narrow",
        KERNELS,
        "if (y < -TINYGEN_BAND_LIMIT)",
        "if (0)",
    ),
    "a band is not rounded": ("narrow", KERNELS, "sum + 8192", "sum + 8191"),
    "level with 7 bits": ("narrow", KERNELS, "(int32_t)x * 256", "(int32_t)x * 128 * 2 + 1"),
    "wrong shift of a change": ("wide", KERNELS, "(change >> shift)", "(change / (1 << shift))"),
    "change forgets the first": ("narrow", KERNELS, "first ? 0 : (int32_t)x", "(int32_t)x"),
    "crossing forgets the first": ("narrow", KERNELS, "!first && above", "above"),
    "turn forgets the first": (
        "narrow",
        KERNELS,
        "(first ? 0 : state->heading)",
        "(state->heading)",
    ),
    "a turn at each equal sample": ("narrow", KERNELS, "way ? way : before", "way"),
    "delay one longer": ("narrow", KERNELS, "*at + 1 < lag", "*at + 1 <= lag - 2"),
    "tracker moves at rest": ("narrow", KERNELS, "else if (x != *at)", "else"),
    "sums of 16 bits": ("wide", KERNELS, "+= (uint32_t)x;", "+= (uint16_t)x;"),
    "least of an equal": ("narrow", KERNELS, "if (x < to[k])", "if (x + 1 < to[k])"),
    "greatest of an equal": ("narrow", KERNELS, "if (x > to[k])", "if (x > to[k] + 1)"),
    "a joint deviation is one less": (
        "narrow",
        KERNELS,
        "rest_a * rest_b / n)",
        "rest_a * rest_b / n + 1)",
    ),
    "a rest of another mean": ("narrow", KERNELS, "mean_b * rest_a", "mean_b * rest_b"),
    "a part beyond 127": ("narrow", KERNELS, "part > 127 ? 127", "part > 126 ? 126"),
    "one is not a 127th": ("narrow", KERNELS, "adds[squares] / 127", "adds[squares] / 128"),
    "the last of equal bands": ("narrow", KERNELS, "squares > most", "squares >= most"),
    "a band less": ("narrow", KERNELS, "uint8_t best = 0;", "uint8_t best = 1;"),
    "a centroid that overflows": ("wide", KERNELS, "any >> 21", "any >> 30"),
    "a centroid of few bits": ("wide", KERNELS, "any >> 21", "any >> 5"),
    "a centroid in steps of 1/8": ("narrow", KERNELS, "moment * 16u", "moment * 8u"),
    "bands in another order": (
        "narrow",
        KERNELS,
        "moment += k * power",
        "moment += (n - k) * power",
    ),
    "a tie goes to the last": ("one_sided", KERNELS, "count > most", "count >= most"),
    "a tie goes to the first": ("one_sided", KERNELS, "int16_t c = -1", "int16_t c = 0"),
    "a lead is one less": ("tracked", KERNELS, "count + lead - 1", "count + lead - 2"),
    "no vote is needed to stand": ("narrow", KERNELS, "count > most", "c < 0 || count > most"),
    "least of all but one": ("wide_slow", KERNELS, "uint8_t k = 1; k < n", "uint8_t k = 2; k < n"),
    "votes outlive a pause": ("one_sided", ".h", "s->answered = s->answer = 0;", "s->answer = 0;"),
    "the pane outlives a pause": ("one_sided", ".h", "s->missing = 4;", ""),
    "earlier half first": ("narrow", ".h", "sum + part : sum - part", "sum - part : sum + part"),
    "a pane is not cleared": ("one_sided", ".h", "pane->adds[k] = 0", "pane->adds[k] = 1"),
    "no range of a channel": (
        "one_sided",
        ".h",
        "sample[c] > high ? high : sample[c]",
        "sample[c]",
    ),
    "lost samples count": ("one_sided", ".h", "sample[c] == INT16_MIN", "sample[c] == 32000"),
}


@pytest.fixture(scope="module")
def asked():
    """Name -> model, recording, answers of the twin."""
    found = {}
    for name in {name for name, *_ in MUTANTS.values()}:
        model = signal_models()[name]
        samples = recording(model.front, 60, 11)
        found[name] = model, samples, of_twin(model, samples)
    return found


def pytest_generate_tests(metafunc):
    """All of them at release, every third one at a commit."""
    if "fault" in metafunc.fixturenames:
        every = 1 if metafunc.config.getoption("--level") == "release" else 3
        metafunc.parametrize("fault", list(MUTANTS)[::every])


def test_a_fault_is_seen(fault, asked, tmp_path):
    name, file, good, bad = MUTANTS[fault]
    model, samples, twin = asked[name]
    files = texts(model)
    file = file if file in files else f"{name}.h"
    assert files[file].count(good) >= 1, good
    files[file] = files[file].replace(good, bad)
    program = compile_texts(files, main_of(model), tmp_path, flags=["-O0", "-w"])
    assert of_host(program, model, samples).differences(twin)
