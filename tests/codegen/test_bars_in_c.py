"""Error bars in the generated header: C on this computer and on the chip against the twin, what
they cost, and mistakes that must be seen.
"""

import json
import subprocess
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from family_models import street_model
from host_c import LANGUAGES, LINK, SANITIZE, STRICT
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import render_header, runtime
from tinygen.codegen.exporters import micropython
from tinygen.codegen.exporters.json_vectors import export
from tinygen.codegen.exports import check_rows, checked
from tinygen.common.boards import BOARDS
from tinygen.model.confidence.error_bars import ErrorBars
from tinygen.model.fixedpoint import RAW_MAX, RAW_MIN

UNO = BOARDS["uno"]
PLAIN = replace(street_model("ridge", "regression"), threshold=None)
NARROW, WIDE = ErrorBars.of(90, [21] * 99), ErrorBars.of(95, [217] * 99)
LONGEST = ErrorBars(90, 100, 0, 32760, 3640)  # steps near the most that they may be
MODELS = {
    "above": replace(PLAIN, threshold=450, bars=NARROW),
    "below": replace(PLAIN, alarm_below=-31000, bars=WIDE),
    "outside": replace(PLAIN, alarm_below=-80, threshold=RAW_MAX, bars=LONGEST),
    "ends": replace(PLAIN, alarm_below=-RAW_MAX, threshold=-RAW_MAX + 1, bars=WIDE),
}
HOST = r"""
#include <stdio.h>
#include "m.h"
int main(void)
{
    int16_t asked[3]; /* state, answer, reference */
    while (fread(asked, sizeof asked, 1, stdin) == 1) {
        uint16_t told[4];
        m_bar = (uint16_t)asked[0];
        told[0] = m_half_width();
        told[1] = m_unsure(asked[1]);
        m_reference(asked[1], asked[2]);
        told[2] = m_bar;
        told[3] = m_half_width();
        fwrite(told, sizeof told, 1, stdout);
    }
    return 0;
}
"""
CHIP = r"""
#include "m.h"
#define PAIRS 1200
static const int16_t pairs[PAIRS][2] TINYGEN_ROM = {ROWS};
volatile uint16_t told[PAIRS / 2 + 1];
volatile uint8_t done;
int main(void)
{
    uint16_t sum = 0;
    for (uint16_t k = 0; k < PAIRS; ++k) {
        const int16_t answer = TINYGEN_READ_I16(&pairs[k][0]);
        sum = (uint16_t)(31u * sum + 2u * m_half_width() + m_unsure(answer));
        told[k / 2] = sum;
        m_reference(answer, TINYGEN_READ_I16(&pairs[k][1]));
    }
    told[PAIRS / 2] = m_half_width();
    done = 1;
    for (;;) {
    }
}
"""


def pairs_of(model, n: int, seed: int) -> np.ndarray:
    """Answers and references (n, 2): near the bar's ends, at the ends of int16, and anything."""
    rng = np.random.default_rng(seed)
    half = max(model.bars.half_width, 1)
    borders = [end for end in (model.threshold, model.alarm_below) if end is not None]
    near = rng.choice(borders, n) + rng.integers(-3 * half, 3 * half + 1, n)
    answers = np.where(rng.random(n) < 0.5, near, rng.integers(RAW_MIN, RAW_MAX + 1, n))
    off = rng.choice([-1, 1], n) * rng.integers(0, 3 * half, n)
    kind = rng.integers(0, 8, n)
    references = np.where(kind == 0, rng.choice([RAW_MIN - 1, RAW_MAX], n), answers + off)
    references = np.where(kind == 1, rng.integers(RAW_MIN, RAW_MAX + 1, n), references)
    return np.clip(np.column_stack([answers, references]), RAW_MIN - 1, RAW_MAX)


def all_steps(model) -> np.ndarray:
    """(state, answer, reference): every state, with the errors next to its bar and the largest."""
    state, half = np.arange(RAW_MAX + 1), np.arange(RAW_MAX + 1) >> model.bars.shift
    rows = []
    for k, off in enumerate((half - 1, half, half + 1, 0 * half, 0 * half + 65535)):
        sign = np.where((state + k) % 2, 1, -1)
        answer = np.where(off == 65535, np.where(sign > 0, RAW_MIN - 1, RAW_MAX), 7 - sign * half)
        answer = np.clip(answer, RAW_MIN - 1, RAW_MAX)
        rows.append(np.column_stack([state, answer, np.clip(answer + sign * off, -32768, 32767)]))
    pairs = pairs_of(model, len(state), 5)
    return np.vstack([*rows, np.column_stack([state, pairs])])


def in_c(model, folder, language="c99", header=None) -> np.ndarray:
    """What C on this computer says of all steps: half-width, unsure, state and half-width after."""
    compiler, suffix, standard = LANGUAGES[language]
    for file, text in {**runtime(), "m.h": header or render_header(model)}.items():
        (folder / file).write_text(text)
    (folder / f"main.{suffix}").write_text(HOST)
    command = [compiler, standard, *STRICT, *SANITIZE, f"main.{suffix}", "-o", "bars", *LINK]
    subprocess.run(command, cwd=folder, check=True)
    asked = all_steps(model).astype("<i2").tobytes()
    told = subprocess.run([folder / "bars"], input=asked, capture_output=True, check=True).stdout
    return np.frombuffer(told, dtype="<u2").astype(np.int64).reshape(-1, 4)


@cache
def by_twin(name: str) -> np.ndarray:
    """The same by the twin."""
    model, rows = MODELS[name], all_steps(MODELS[name])
    bars, half = model.bars, rows[:, 0] >> model.bars.shift
    after = np.array([bars.after(*row) for row in rows.tolist()])
    unsure = model.band.straddled_by(rows[:, 1], half)
    return np.column_stack([half, unsure, after, after >> bars.shift])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", MODELS)
def test_every_step_is_the_twins(name, language, tmp_path):
    assert np.array_equal(in_c(MODELS[name], tmp_path, language), by_twin(name))


@pytest.mark.parametrize(
    "right, mistaken, column",
    [
        ("off > m_half_width()", "off >= m_half_width()", 2),
        ("if (y < answer)", "if (y - answer < -32767)", 2),
        ("next & 0x8000u", "next & 0xC000u", 2),
        (f"- {NARROW.down}u)", f"- {NARROW.down + 1}u)", 2),
        ("y <= M_THRESHOLD + half", "y < M_THRESHOLD + half", 1),
        (">> 8", ">> 7", 0),
    ],
)
def test_one_mistake_is_seen(right, mistaken, column, tmp_path):
    model = MODELS["above"]
    header = render_header(model)
    assert right in header
    told = in_c(model, tmp_path, header=header.replace(right, mistaken))
    assert (told != by_twin("above"))[:, column].any()


def test_the_header_that_stands_alone_has_the_same(tmp_path):
    texts = checked(MODELS["outside"])
    told = in_c(MODELS["outside"], tmp_path, header=texts["m.h"])
    assert np.array_equal(told, by_twin("outside"))
    model = replace(street_model("ridge", "regression"), bars=WIDE)
    assert set(model.unsure(model.predict(check_rows(model))).tolist()) == {False, True}


def test_other_exports_tell_the_half_width():
    model = MODELS["below"]
    told = json.loads(export(model)["m.vectors.json"])["error_bars"]
    assert told == asdict(WIDE)
    text = micropython.export(model)["m_model.py"]
    names: dict = {}
    exec(text, names)
    assert names["HALF_WIDTH"] == WIDE.half_width
    plain = replace(model, bars=None)
    assert "error_bars" not in export(plain)["m.vectors.json"]
    assert "HALF_WIDTH" not in micropython.export(plain)["m_model.py"]


def built(simavr, folder, model, source: str):
    """(ELF, symbol -> (address, bytes)) of a program for the Uno's chip."""
    for file, text in {**runtime(), "m.h": render_header(model), "main.c": source}.items():
        (folder / file).write_text(text)
    options = ["-Os", "-std=gnu99", "-Wall", "-Wextra", "-Werror"]
    command = [simavr.avr_gcc, f"-mmcu={UNO.mcu}", *options, "main.c", "-o", "bars.elf"]
    subprocess.run(command, cwd=folder, check=True)
    with (folder / "bars.elf").open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab").iter_symbols()
        found = {s.name: (s["st_value"] & 0xFFFF, s["st_size"]) for s in table}
    return folder / "bars.elf", found


@pytest.mark.parametrize("name", MODELS)
def test_the_chip_follows_references_as_the_twin(name, simavr, tmp_path):
    model, pairs = MODELS[name], pairs_of(MODELS[name], 1200, 9)
    rows = ", ".join(f"{{{answer}, {y}}}" for answer, y in pairs.tolist())
    source = CHIP.replace("ROWS", rows.replace("-32768", "INT16_MIN"))
    elf, symbols = built(simavr, tmp_path, model, source)
    with SimBoard(UNO, elf) as chip:
        at = symbols["done"][0]
        assert chip.run_until(lambda sim: sim.read_memory(at, 1) == b"\1", 40_000_000, 100_000)
        told = np.frombuffer(chip.read_memory(*symbols["told"]), dtype="<u2").tolist()
    state, total, sums = model.bars.start, 0, []
    for answer, y in pairs.tolist():
        half = state >> model.bars.shift
        total = (31 * total + 2 * half + int(model.band.straddled_by(answer, half))) % 65536
        sums.append(total)
        state = model.bars.after(state, answer, y)
    assert told == [*sums[1::2], state >> model.bars.shift]


USES = {
    "nothing": "",
    "unsure": "uint8_t asked(int16_t y) { return m_unsure(y); }",
    "width": "uint16_t asked(void) { return m_half_width(); }",
    "reference": "void told(int16_t a, int16_t y) { m_reference(a, y); }",
    "both": "void told(int16_t a, int16_t y) { m_reference(a, y); }\n"
    "uint8_t asked(int16_t y) { return m_unsure(y); }",
}


@pytest.mark.parametrize(
    "bars, rule, unsure", [(NARROW, 62, 76), (WIDE, 56, 78)], ids=["narrow", "wide"]
)
def test_what_they_cost(bars, rule, unsure, simavr, tmp_path):
    """As docs/error-bars.md says: flash of the functions and RAM, by avr-gcc 7.3 at -Os."""
    costs = {}
    for use, text in USES.items():
        model = replace(MODELS["above"], bars=bars)
        source = f'#include "m.h"\n{text}\nint main(void) {{ for (;;) {{ }} }}\n'
        _, found = built(simavr, tmp_path, model, source)
        costs[use] = [found.get(name, (0, 0))[1] for name in ("asked", "told", "m_bar")]
    assert costs == {
        "nothing": [0, 0, 0],
        "unsure": [18, 0, 0],
        "width": [6, 0, 0],
        "reference": [0, rule, 2],
        "both": [unsure, rule, 2],
    }
