"""The same rows and options give the same bytes on every x86-64 processor, with any number of
threads.

A processor cannot be exchanged, but what libraries do on another one can be asked for: OpenBLAS
takes the name of its kernels, numpy and glibc a list of what the processor lacks.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tinygen.common import arithmetic
from tinygen.common.arithmetic import pinned

PROBE = Path(__file__).parents[1] / "arithmetic_probe.py"
GOALS = Path(__file__).parents[2] / "benchmarks"
X86 = platform.machine() in ("x86_64", "AMD64")
NO_WIDE = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"}
# what another machine, or another user, would have set; sets of texts have another order in each
OTHERS = [
    {"PYTHONHASHSEED": "1"},
    {
        "PYTHONHASHSEED": "2",
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENBLAS_NUM_THREADS": "2",
        "OMP_NUM_THREADS": "2",
    },
    {
        "PYTHONHASHSEED": "3",
        "OPENBLAS_CORETYPE": "Prescott",
        "LOKY_MAX_CPU_COUNT": "1",
        **NO_WIDE,
    },
]
x86_only = pytest.mark.skipif(not X86, reason="promised for x86-64 only")


def probe(words, **environment) -> str:
    known = {k: v for k, v in os.environ.items() if k not in pinned({})}
    run = subprocess.run(
        [sys.executable, *words],
        env={**known, **environment},
        cwd=PROBE.parent,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@x86_only
def test_models_are_the_same_whatever_the_processor_can(level):
    """Ridge, polynomial, net, and both kinds of class scores, rounded to integers. A commit asks
    the first and the last of the others, which differ most.
    """
    words = ("-m", "tinygen.common.arithmetic", str(PROBE), "models")
    found = [probe(words, **other) for other in (OTHERS[:: 2 if level == "commit" else 1])]
    assert len(found[0].splitlines()) == 6 and set(found) == {found[0]}


@x86_only
def test_without_the_pins_the_results_depend_on_the_kernels():
    """Negative control: what the test above compares can differ."""
    kernels = ("Prescott", "Nehalem")
    assert len({probe([str(PROBE)], OPENBLAS_CORETYPE=kernel) for kernel in kernels}) == 2
    words = ("-m", "tinygen.common.arithmetic", str(PROBE))
    assert len({probe(words, OPENBLAS_CORETYPE=kernel) for kernel in kernels}) == 1


@x86_only
def test_every_pin_is_taken():
    code = (
        "import numpy, sklearn.linear_model, threadpoolctl\n"
        "from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__\n"
        "pools = threadpoolctl.threadpool_info()\n"
        "print({p['architecture'] for p in pools if 'architecture' in p})\n"
        "print([name for name in __cpu_dispatch__ if __cpu_features__[name]])"
    )
    told = probe(["-c", code], **pinned({})).splitlines()
    assert told == ["{'Nehalem'}", "[]"]


@x86_only
def test_what_is_set_otherwise_stays():
    given = {"PATH": "/bin", "OMP_NUM_THREADS": "3"}
    tunables = {"GLIBC_TUNABLES": "glibc.malloc.check=1:glibc.cpu.hwcaps=-AVX2"}
    found = pinned({**given, **tunables})
    assert {k: found[k] for k in given} == given
    assert found["GLIBC_TUNABLES"] == f"glibc.malloc.check=1:{arithmetic.GLIBC_CAPABILITIES}"
    assert pinned(found) == found


def test_other_processors_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert pinned({"A": "b"}) == {"A": "b"}


TASK = """
from goals import GOALS, TASKS, UNO, find_data, load_table, prepare
from tinygen.search.finalists import SearchRequest
from tinygen.search.model_search import find_ladder
inputs, target, threshold = TASKS["{task}"]
dataset = prepare(load_table(find_data()), target, inputs=inputs, split="random", seed=0)
budget = next(g.budget for g in GOALS if (g.task, g.split) == ("{task}", "random"))
request = SearchRequest("model_1", UNO, threshold=threshold, budget=budget)
print(" ".join(f"{{r.model.model_id:08x}}" for r in find_ladder(dataset, request).rungs))
"""


@x86_only
@pytest.mark.parametrize("task", ["A", "B"])
def test_whole_searches_are_the_same(task, level, air_quality, simavr, tmp_path):
    if level != "release":
        pytest.skip("three whole searches: --level release")
    script = tmp_path / "search.py"
    script.write_text(TASK.format(task=task))
    words = ("-m", "tinygen.common.arithmetic", str(script))
    places = {"PYTHONPATH": str(GOALS), "TINYGEN_DATA": str(air_quality)}
    found = {probe(words, **places, **other) for other in OTHERS}
    assert len(found) == 1 and found.pop().strip()
