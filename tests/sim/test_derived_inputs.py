"""Categories and the time on the board: twin, host C, and the simulated board agree on every row,
those with labels that nobody knows among them.
"""

import subprocess

import numpy as np
import pytest
from heating_rows import heating, with_strangers
from host_c import LANGUAGES, STRICT, compile_header, run_rows
from quick import quick_model
from tables import parse
from tinygen.host.protocol import Flag

from tinygen.codegen.emit import render_header, runtime
from tinygen.commands.stream import stream
from tinygen.data import prepare, rows_for
from tinygen.model.fixedpoint import MISSING

OPTIONS = {"categories": ["zone"], "time_inputs": ["hour", "weekday", "month"]}
ROWS = 300
SETS = """
#include <stdio.h>
#include "quick.h"
int main(void)
{
    int16_t x[QUICK_INPUTS] = { 0 };
    for (int16_t label = -2; label < 6; label++) {
        printf("%d %d %d", label, quick_set_mode(x, label), quick_set_zone(x, label));
        for (int i = 0; i < QUICK_INPUTS; i++) {
            printf(" %d", x[i]);
        }
        printf("\\n");
    }
    printf("%d %d %d %d %d %d\\n", QUICK_CATEGORY_MODE_BOOST, QUICK_CATEGORY_MODE_ECO,
           QUICK_CATEGORY_MODE_NORMAL, QUICK_CATEGORY_ZONE_3, QUICK_CATEGORY_ZONE_7,
           QUICK_CATEGORY_ZONE_12);
    return 0;
}
"""


@pytest.fixture(scope="module")
def model():
    return quick_model(prepare(parse(heating()), "power", **OPTIONS), threshold=600.0)


def test_all_agree_on_every_row(model, simavr, tmp_path):
    (tmp_path / "rows.csv").write_text(heating(ROWS, 17, with_strangers))
    model.save(tmp_path / "heat.json")
    raw, _ = rows_for(model.inputs, parse((tmp_path / "rows.csv").read_text()))
    twin = model.answer(raw)
    found = stream(tmp_path / "heat.json", tmp_path / "rows.csv", "sim")
    assert found.good and found.verdict.rows == ROWS
    assert found.verdict.missing == (twin == MISSING).sum() > ROWS / 4
    for reply, answer in zip(found.replies, twin):
        assert reply.result.prediction == answer
        assert (Flag.MISSING in reply.result.flags) == (answer == MISSING)
    whole = (raw != MISSING).all(axis=1)
    program = compile_header(model, tmp_path / "c")
    assert run_rows(program, model.saturate(raw[whole])[0]).tolist() == twin[whole].tolist()


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_sketch_sets_what_the_host_sets(model, tmp_path, language):
    compiler, suffix, standard = LANGUAGES[language]
    for name, text in {**runtime(), "quick.h": render_header(model)}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / f"main.{suffix}").write_text(SETS)
    command = [compiler, standard, *STRICT, f"main.{suffix}", "-o", "sets"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *lines, numbers = subprocess.check_output(["./sets"], cwd=tmp_path, text=True).splitlines()
    assert numbers == "0 1 2 0 1 2"
    text = ["when,temp,mode,zone,power"]
    modes, zones = ("boost", "eco", "normal"), ("3", "7", "12")
    for label in range(-2, 6):
        known = 0 <= label < 3
        mode, zone = (modes[label], zones[label]) if known else ("holiday", "")
        text.append(f"2026-01-01 00:00,1,{mode},{zone},5")
    raw, _ = rows_for(model.inputs, parse("\n".join(text) + "\n"))
    made = [k for k, q in enumerate(model.inputs) if q.derivation and q.derivation.labels]
    assert len(made) == 6
    for label, line, row in zip(range(-2, 6), lines, raw):
        said, mode_known, zone_known, *x = map(int, line.split())
        assert said == label and mode_known == zone_known == (0 <= label < 3)
        assert np.array(x)[made].tolist() == row[made].tolist()
