"""Damage by the million, in C: faults, noise, flips and baud rates on the real firmware. Figures
are printed at the end.
"""

import pytest
from campaign import compile_campaign, counts
from native_rows import MODEL, OTHER
from tinygen.host.protocol import RESULT, frame_bytes

LONG = {"commit": 1, "release": 10}
FOUR = {"commit": 1_000_000, "release": 108_000_000}  # random patterns of four flipped bits
KINDS = {"f": "bit flips", "d": "dropped bytes", "i": "inserted bytes", "t": "doubled bytes"}
WIRE_BYTES = frame_bytes(2 * len(MODEL.inputs)) + frame_bytes(RESULT.size)
RATIOS = (0.1, 0.23, 0.25, 0.46, 0.5, 0.58, 0.7, 0.8, 0.9, 1.11, 1.25, 1.5, 2.0, 2.17, 4.34)


BELIEVES = {
    " || p->crc != TINYGEN_RESIDUE": "",
    "p->body[3] != p->size - (TINYGEN_HEAD_BYTES + 2u)": "0",
    "return (uint16_t)((uint16_t)sums << 8 | sum);": "return 0;",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return compile_campaign((MODEL,), tmp_path_factory.mktemp("campaign"))


@pytest.fixture(scope="module")
def no_check_sum(tmp_path_factory):
    """Negative control: a firmware and a host that believe damaged frames, and have no digest to
    tell them.
    """
    return compile_campaign((MODEL,), tmp_path_factory.mktemp("believer"), protocol=BELIEVES)


def test_thirteen_faults(program, no_check_sum, figures):
    """One damaged frame: no wrong answer is accepted, and the good frame behind it is answered."""
    for line in counts(program, "faults", 10_000, 1):
        assert (line["wrong"], line["lost"], line["trials"]) == (0, 0, 10_000), line
        figures(
            f"fault {line['kind']}",
            "10,000 trials, 0 wrong, 0 good frames lost, "
            f"{line['refused']:,} damaged rows not answered",
        )
    assert sum(line["wrong"] for line in counts(no_check_sum, "faults", 1000, 1)) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_noise_both_ways(program, no_check_sum, figures, level, kind):
    rows = 100_000 * LONG[level]
    for rate in (1e-4, 1e-3, 1e-2):
        (line,) = counts(program, "noise", kind, rate, rows, 2)
        # rows that no noise hit on their way there and back
        untouched = (1 - rate) ** (WIRE_BYTES * (8 if kind == "f" else 1))
        assert line["wrong"] == 0 and line["first"] >= 0.98 * untouched * rows, (rate, line)
        assert line["lost"] == 0 or rate > 1e-4
        figures(
            f"noise {KINDS[kind]} {rate:g}",
            f"{rows:,} rows: 0 wrong, {line['lost']:,} lost and reported, "
            f"{line['first'] / rows:.3f} right at the first try, "
            f"{line['retries']:,} retries",
        )
    if kind == "f":
        assert counts(no_check_sum, "noise", kind, 1e-3, 20_000, 2)[0]["wrong"] > 0


def test_flips(program, no_check_sum, figures, level):
    """Every flip of one and two bits, delimiters included, in 60 frames of each kind (15 of INFO);
    a row has three sizes.
    """
    (line,) = counts(program, "flips", 60, 7_600_000 * LONG[level], FOUR[level], 1)
    figures("flips of 1 and 2 bits", f"{line['tried']:,} patterns, {line['passed']} accepted")
    for bits, name in ((3, "three"), (4, "four")):
        figures(
            f"flips of {bits} bits",
            f"{line[name]:,} patterns: {line[name + '_passed']} passed the check sum, "
            f"{line[name + '_wrong']} a host would believe",
        )
    assert (line["three_passed"], line["three_wrong"]) == (0, 0)
    # the CRC's 1 in 65,536; an answer has no other
    assert (
        line["four_passed"] < line["four"] / 20_000 and line["four_wrong"] < line["four"] / 500_000
    )
    assert line["passed"] == 0 and line["tried"] > 8_000_000
    assert counts(no_check_sum, "flips", 2, 0, 0, 1)[0]["passed"] > 1000


def test_another_baud_rate(program, no_check_sum, figures):
    """Bits sampled at the wrong pace make no frame; from 97 to 103 % of the right rate every frame
    arrives.
    """
    wrong = {ratio: counts(program, "baud", ratio, 20_000, 3)[0]["wrong"] for ratio in RATIOS}
    assert sum(wrong.values()) == 0, wrong
    figures(
        "baud mismatch",
        f"{len(RATIOS)} ratios from {min(RATIOS)} to {max(RATIOS)}, 20,000 frames each: 0 "
        "accepted wrong",
    )
    for ratio in (0.97, 1.0, 1.03):
        assert counts(program, "baud", ratio, 2000, 3)[0]["right"] == 2000
    assert sum(counts(no_check_sum, "baud", ratio, 20_000, 3)[0]["wrong"] for ratio in RATIOS) > 0


# ---- version 3: a board of two models, rows of both in any order ----

ONE_FOR_ALL = {"p->crc ^= TINYGEN_BINDING(p->body[TINYGEN_HEAD_BYTES]);": "p->crc ^= 0;"}


@pytest.fixture(scope="module")
def two_models(tmp_path_factory):
    return compile_campaign((MODEL, OTHER), tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def two_believers(tmp_path_factory):
    """Negative control, as above."""
    return compile_campaign((MODEL, OTHER), tmp_path_factory.mktemp("both"), protocol=BELIEVES)


def test_thirteen_faults_on_a_board_of_two_models(two_models, two_believers, figures, level):
    trials = 2_000 * LONG[level]
    for line in counts(two_models, "faults", trials, 4):
        assert (line["wrong"], line["lost"], line["trials"]) == (0, 0, trials), line
        figures(
            f"fault {line['kind']}, two models",
            f"{trials:,} trials, 0 wrong, 0 good frames lost, {line['refused']:,} damaged rows "
            "not answered",
        )
    assert sum(line["wrong"] for line in counts(two_believers, "faults", 1000, 1)) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_noise_on_a_board_of_two_models(two_models, two_believers, figures, level, kind):
    rows = 20_000 * LONG[level]
    for rate in (1e-4, 1e-3, 1e-2):
        (line,) = counts(two_models, "noise", kind, rate, rows, 5)
        assert line["wrong"] == 0 and (line["lost"] == 0 or rate > 1e-4), (rate, line)
        figures(
            f"noise {KINDS[kind]} {rate:g}, two models",
            f"{rows:,} rows: 0 wrong, {line['lost']:,} lost and reported",
        )
    if kind == "f":
        assert counts(two_believers, "noise", kind, 1e-3, 20_000, 2)[0]["wrong"] > 0


def test_flips_on_a_board_of_two_models(two_models, two_believers, figures, level):
    """Every flip of one and two bits; no frame passes for another, its model's number included."""
    frames, three = 4 * LONG[level], 500_000 * LONG[level]
    (line,) = counts(two_models, "flips", frames, three, 0, 6)
    assert line["passed"] == 0 and line["tried"] > 100_000 * LONG[level]
    assert line["three_wrong"] == 0 and line["three_passed"] < line["three"] / 100_000
    figures(
        "flips of 1 and 2 bits, two models",
        f"{line['tried']:,} patterns, {line['passed']} accepted; of 3 bits {line['three']:,}, "
        f"{line['three_passed']} passed the check sum",
    )
    assert counts(two_believers, "flips", 2, 0, 0, 1)[0]["passed"] > 1000


def test_a_firmware_that_does_not_bind_rows_to_models_is_caught(tmp_path, two_models, level):
    """Negative control of version 3 alone: host and board leave the model's value out of the check
    sum of what they hear, and hear each other no more.
    """
    if level == "commit":
        pytest.skip("a third program: --level release; tests/host/test_protocol_models.py has it")
    deaf = compile_campaign((MODEL, OTHER), tmp_path, protocol=ONE_FOR_ALL)
    assert counts(deaf, "noise", "d", 0.0, 200, 1)[0]["lost"] == 200
    (whole,) = counts(two_models, "noise", "d", 0.0, 200, 1)
    assert (whole["lost"], whole["first"]) == (0, 200)
