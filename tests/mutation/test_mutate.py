"""The runner of mutants: it tells a killed one from one that lives."""

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
