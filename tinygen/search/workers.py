"""Where the work of a search runs: in processes on this machine's cores, on a Dask cluster, or in
threads where it mostly waits.

Training calls numpy for arrays that are small: threads of one process would spend a third of their
time waiting for each other's interpreter lock. Processes take a second to start, and do so once a
search has taken that long. Each piece of work has one thread for linear algebra and OpenMP: small
matrices gain nothing from more.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from threading import Event
from time import monotonic
from typing import Any, TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from threadpoolctl import threadpool_limits

from ..common.errors import TinygenError, UsageError

SCHEDULER_SECONDS = 10  # that a Dask scheduler may take to answer
START_SECONDS = 1.0  # that a process takes to load its libraries
MOST_PROCESSES = 8  # of 180 to 260 MB each: a search has pieces of work for few more
Item = TypeVar("Item")
Result = TypeVar("Result")
_started = Event()  # set from where on there are processes


def one_thread() -> threadpool_limits:
    """A context in which BLAS and OpenMP have one thread."""
    # SciPy brings a BLAS of its own, and a limit holds for what is loaded: one that came later
    # would have a thread for each core, which wait for each other at every small solution
    import scipy.linalg.lapack  # noqa: F401

    return threadpool_limits(1)


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The function's results, in the order of the items; for what waits for other programs."""
    with one_thread():
        return Parallel(n_jobs=-1, prefer="threads")(delayed(function)(item) for item in items)


def in_processes(function: Callable[..., Result], items: Iterable[tuple]) -> list[Result]:
    """The function's results, in the order of the items, which are tuples of its arguments. They
    and the function must be picklable; short work stays in this process.
    """
    work = iter(items)
    found, left = list(_here(function, work)), list(work)
    with one_thread(), _all_there():
        found += _parallel(len(left))(delayed(_alone)(function, item) for item in left)
    return found


def as_completed(function: Callable[..., Result], items: Iterable[tuple]) -> Iterator[Result]:
    """The same as they come."""
    work = iter(items)
    yield from _here(function, work)
    with one_thread(), _all_there():
        yield from _parallel(return_as="generator_unordered")(
            delayed(_alone)(function, item) for item in work
        )


def _here(function: Callable[..., Result], work: Iterator[tuple]) -> Iterator[Result]:
    """Results from this process, until processes would have been worth their start, or are
    there.
    """
    begun = monotonic()
    while not _started.is_set() and (item := next(work, None)) is not None:
        yield _alone(function, item)
        if monotonic() - begun > START_SECONDS:
            _started.set()


def _parallel(most: int = MOST_PROCESSES, **options: Any) -> Parallel:
    """At most so many processes, or the workers of a cluster. Ctrl-C is for the first process,
    which then ends the others.
    """
    processes = max(min(cpu_count(), MOST_PROCESSES, most), 1)
    return Parallel(processes, prefer="processes", initializer=_ignore_ctrl_c, **options)


@contextmanager
def _all_there() -> Iterator[None]:
    """One line where a process was lost."""
    try:
        yield
    except BrokenProcessPool:
        raise TinygenError(
            "a process of the search was ended from outside, as a system does that runs out of "
            "memory: use LOKY_MAX_CPU_COUNT=1 for a single process, or fewer rows"
        ) from None


def _ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _alone(function: Callable[..., Result], item: tuple) -> Result:
    with one_thread():
        return function(*item)


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
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
