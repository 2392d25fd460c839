"""The same floating-point results on every x86-64 processor.

A sum has no exact order: OpenBLAS, numpy and the C library each bring several versions of their
routines and take the fastest one that the processor can run, and these differ in the last bits. A
training goes through millions of such sums; two processors then find two models. Here every one of
them is told to use the version that all x86-64 processors of the last fifteen years can run:

- OPENBLAS_CORETYPE: kernels of matrix products and decompositions (numpy's and scipy's OpenBLAS);
- NPY_DISABLE_CPU_FEATURES: numpy's own loops (exp, log, power, tanh);
- GLIBC_TUNABLES: exp, log and pow of the C library, which have versions with fused multiply-add;
- OPENBLAS_NUM_THREADS: the parts into which a product is cut depend on the number of threads.

All of them are read when a process starts, so a program starts itself anew: `pin()`. `tinygen
--reproducible` does so, wherever the option stands; a script of one's own is run with

    python -m tinygen.common.arithmetic script.py

It is not the default because it costs: a search with nets took 175 s of CPU instead of 101 s.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping

KERNEL = "Nehalem"  # SSE4.2: numpy's wheels ask for as much
# names of numpy 2.4 and later, then those before; numpy passes over names that it does not know
NUMPY_FEATURES = (
    "X86_V3 X86_V4 AVX512_ICL AVX512_SPR "
    "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL"
)
# names of glibc 2.33 and later, then those before
GLIBC_CAPABILITIES = "glibc.cpu.hwcaps=-FMA,-FMA4,-FMA_Usable,-FMA4_Usable"
OPTION = "--reproducible"


def pinned(given: Mapping[str, str]) -> dict[str, str]:
    """An environment in which results do not depend on the x86-64 processor; `given` otherwise.

    OMP_NUM_THREADS is 1 unless it is given: threads of OpenMP beside those of the search only wait
    for each other.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        return dict(given)
    tunables = [t for t in given.get("GLIBC_TUNABLES", "").split(":") if t]
    others = [t for t in tunables if not t.startswith("glibc.cpu.hwcaps=")]
    return {
        "OMP_NUM_THREADS": "1",
        **given,
        "OPENBLAS_CORETYPE": KERNEL,
        "OPENBLAS_NUM_THREADS": "1",
        "NPY_DISABLE_CPU_FEATURES": NUMPY_FEATURES,
        "GLIBC_TUNABLES": ":".join([*others, GLIBC_CAPABILITIES]),
    }


def pin() -> None:
    """Starts the running program anew with the pinned environment, unless it has that already."""
    wanted = pinned(os.environ)
    if wanted == dict(os.environ):
        return
    if os.name == "nt":  # no exec that keeps the console; there is no glibc, and numpy comes later
        os.environ.update(wanted)
        return
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)


def main() -> None:
    """The command `tinygen`."""
    try:
        if OPTION in sys.argv:
            pin()
            sys.argv.remove(OPTION)
        from ..cli import main as command_line
    except KeyboardInterrupt:  # while it is imported; from then on the command line ends itself
        sys.stderr.write("tinygen: stopped by the user\n")
        sys.exit(130)
    command_line()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m tinygen.common.arithmetic SCRIPT.py [ARGUMENT ...]")
    os.execve(sys.executable, [sys.executable, *sys.argv[1:]], pinned(os.environ))
