"""Where the work of a search runs: on this machine's cores, or on those of a Dask cluster.

Each piece of work has one thread for linear algebra and OpenMP: small matrices gain nothing from
more, and threads of threads only wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

from ..common.errors import UsageError

SCHEDULER_SECONDS = 10  # that a Dask scheduler may take to answer
Item = TypeVar("Item")
Result = TypeVar("Result")


def one_thread() -> threadpool_limits:
    """A context in which BLAS and OpenMP have one thread."""
    # SciPy brings a BLAS of its own, and a limit holds for what is loaded: one that came later
    # would have a thread for each core, which wait for each other at every small solution
    import scipy.linalg.lapack  # noqa: F401

    return threadpool_limits(1)


def run_all(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The function's results, in the order of the items; it runs in threads."""
    with one_thread():
        return Parallel(n_jobs=-1, prefer="threads")(delayed(function)(item) for item in items)


def run_as_completed(function: Callable, items: Iterable[tuple]) -> Iterator[Any]:
    """The function's results as they come; items are tuples of its arguments. What runs on a
    cluster must be picklable.
    """
    with one_thread():
        yield from Parallel(n_jobs=-1, prefer="threads", return_as="generator_unordered")(
            delayed(function)(*item) for item in items
        )


@contextmanager
def cluster(address: str | None):
    """Within it, joblib's work runs on the workers of a Dask scheduler; UsageError where that does
    not answer.
    """
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--dask needs the package 'distributed': pip install 'tinygen[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=SCHEDULER_SECONDS)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler at '{address}' ({type(error).__name__}): "
            "start one with `dask scheduler`"
        ) from None
    with client, parallel_config(backend="dask"):
        yield
