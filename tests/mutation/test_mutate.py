"""The runner of mutants: it tells a killed one from one that lives."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TRIAL = """
import mutate
from pathlib import Path
import numpy, pytest
text = Path("host/check.py").read_text()
wrong = text.replace("return self.wrong == self.lost", "return self.wrong != self.lost")
assert wrong != text
tests = ("tests/host/test_check.py",)
for now in (text, wrong):
    print(mutate.killed(mutate.Mutant("host/check.py", "by hand", 1, "", "", now), tests))
"""


@pytest.mark.parametrize("text", ["def f(a: int | None): ...", "x: int = 1", "def f() -> 'a': ..."])
def test_annotations_are_no_program(text):
    from mutate import _program

    assert _program(text) == _program(text.replace("int | None", "int").replace("'a'", "'b'"))
    assert _program(text) != _program(text + "\nf(2)")


def mutants(number):
    from mutate import Mutant

    return [Mutant("host/check.py", "Eq_LtE", k, f"was {k}", f"now {k}", "") for k in range(number)]


def test_a_living_mutant_counts_whether_a_reason_is_known_or_not(monkeypatch):
    import mutate

    known = ("host/check.py", "was 1", "now 1")
    monkeypatch.setitem(mutate.EQUIVALENT, known, "both are one program")
    text = mutate.told("check", 10, mutants(2), "drawn from 99 places with seed 3")
    assert text == (
        "check: 8 of 10 killed, 80.0 %; drawn from 99 places with seed 3\n"
        "  host/check.py:0 Eq_LtE\n    - was 0\n    + now 0\n    a test is missing\n"
        "  host/check.py:1 Eq_LtE\n    - was 1\n    + now 1\n"
        "    equivalent: both are one program\n"
    )


def test_one_group_is_written_and_the_others_stay():
    from mutate import told, with_groups

    first, second, other = (
        told(name, 10, mutants(k), "drawn from 9 places with seed 1")
        for k, name in enumerate(("quantizer", "check", "check"))
    )
    stored = with_groups("", {"check": second, "quantizer": first})
    assert stored == f"{first}\n{second}"
    assert with_groups(stored, {}) == stored
    assert with_groups(stored, {"check": other}) == f"{first}\n{other}"


def test_the_living_ones_are_tried_again_with_what_was_drawn_before(monkeypatch):
    import mutate

    line = "return self.wrong == self.lost"
    at = Path(mutate.ROOT / "host/check.py").read_text().splitlines()
    place = next(k for k, text in enumerate(at, 1) if line in text)
    whole = at[place - 1].strip()
    mutant = mutate.Mutant("host/check.py", "Eq", place, whole, whole.replace("==", "<="), "")
    stored = mutate.told("check", 10, [mutant], "drawn from 9 places with seed 1")
    seen = []
    monkeypatch.setattr(mutate, "killed", lambda one, tests: seen.append(one) or True)
    text = mutate.again("check", mutate.GROUPS["check"], stored)
    assert [(m.was, m.now) for m in seen] == [(mutant.was, mutant.now)]
    assert seen[0].text.splitlines()[place - 1].strip() == mutant.now
    assert text == (
        "check: 10 of 10 killed, 100.0 %, 9 before their tests were written; "
        "drawn from 9 places with seed 1\n"
    )
    monkeypatch.setattr(mutate, "killed", lambda one, tests: False)
    assert mutate.again("check", mutate.GROUPS["check"], stored) == stored
    gone = stored.replace(mutant.was, "return nothing")
    with pytest.raises(SystemExit, match="is not 'return nothing' any more"):
        mutate.again("check", mutate.GROUPS["check"], gone)


def test_stored_results_reach_what_they_must():
    """Nine of ten are killed in each group, and nobody has left one that lives without a reason."""
    from mutate import GROUPS, RESULTS

    text = RESULTS.read_text(encoding="utf-8")
    told = dict(re.findall(r"^(\w+): .* killed, ([\d.]+) %[^;]*; drawn from", text, re.MULTILINE))
    assert set(told) == set(GROUPS) and all(float(rate) >= 90 for rate in told.values())
    assert "a test is missing" not in text


def test_a_mutant_is_killed_and_no_mutant_lives(level):
    if level == "commit":
        pytest.skip("two runs of tests in children: --level release")
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", TRIAL],
        cwd=here.parents[1],
        env={"PYTHONPATH": str(here), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["False", "True"], done.stderr
