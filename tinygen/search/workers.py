"""Where the work of a search runs: in processes on this machine's cores, on a Dask cluster, or in
threads where it mostly waits.

Training calls numpy for arrays that are small: threads of one process would spend a third of their
time waiting for each other's interpreter lock. Processes take a second to start, and do so once a
search has taken that long. This process is one of them: it takes what needs libraries that the
others have not loaded. Each piece of work has one thread for linear algebra and OpenMP: small
matrices gain nothing from more.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import current_process, resource_tracker
from threading import Lock, Thread
from time import monotonic, sleep
from typing import TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend import resource_tracker as loky_resource_tracker
from threadpoolctl import threadpool_limits

from ..common.errors import TinygenError, UsageError

SCHEDULER_SECONDS = 10  # that a Dask scheduler may take to answer
START_SECONDS = 1.0  # that a process takes to load its libraries
OWN_SECONDS = 2.0  # of work for this process after which others load what it needs as well
# this one among them, of 180 to 260 MB each: a search has pieces of work for few more
MOST_PROCESSES = 8
IDLE_SECONDS = 300  # after which a process ends
ALONE_SECONDS = 1.0  # between looks for the process that started this one
Item = TypeVar("Item")
Result = TypeVar("Result")
Here = Callable[[tuple], bool]  # whether a piece of work is rather for this process


def anywhere(item: tuple) -> bool:
    """No piece of work is for this process."""
    return False


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


def in_processes(
    function: Callable[..., Result], items: Iterable[tuple], here: Here = anywhere
) -> list[Result]:
    """The function's results, in the order of the items, which are tuples of its arguments. They
    and the function must be picklable; short work stays in this process. here: True of an item
    that needs a library which takes seconds to load, and which this process has.
    """
    work = list(items)
    numbered = ((function, k, item) for k, item in enumerate(work))
    found = dict(as_completed(_numbered, numbered, lambda numbered: here(numbered[2])))
    return [found[k] for k in range(len(work))]


def as_completed(
    function: Callable[..., Result], items: Iterable[tuple], here: Here = anywhere
) -> Iterator[Result]:
    """The same as they come."""
    work = iter(items)
    with one_thread():
        if _pool.cluster:
            yield from Parallel(return_as="generator_unordered")(
                delayed(_alone)(function, item) for item in work
            )
            return
        begun = monotonic()
        while not _pool.started and (item := next(work, None)) is not None:
            yield function(*item)
            if monotonic() - begun > START_SECONDS:
                break
        yield from _pool.results(function, list(work), here)


def _numbered(function: Callable[..., Result], number: int, item: tuple) -> tuple[int, Result]:
    return number, function(*item)


def _alone(function: Callable[..., Result], item: tuple) -> Result:
    with one_thread():
        return function(*item)


class _Pool:
    """Processes of our own: those that joblib shares are replaced whenever somebody wants others,
    and a program that uses it from another thread would wait for us, and we for it.
    """

    cluster = False  # True while the work is for a Dask scheduler's workers

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._searches = 0  # that wait for results
        self._lock = Lock()

    @property
    def started(self) -> bool:
        """Whether there are processes."""
        return self._executor is not None

    def results(
        self, function: Callable[..., Result], work: list[tuple], here: Here = anywhere
    ) -> Iterator[Result]:
        """As they come; from this process where it is the only one. TinygenError where one is
        lost. Whoever stops listening ends the processes, and what they do; where another search
        uses them, it waits for its own part of that.
        """
        if len(work) < 2 or _processes() < 2:
            yield from (function(*item) for item in work)
            return
        futures, listening = set[Future[Result]](), True
        self._count(1)
        try:
            yield from self._divided(function, work, here, futures)
            listening = False
        except BrokenProcessPool:
            raise TinygenError(
                "a process of the search was ended from outside, as a system does that runs out "
                "of memory: use LOKY_MAX_CPU_COUNT=1 for a single process, or fewer rows"
            ) from None
        finally:
            others = self._count(-1)
            if listening and others:
                wait(futures)
            elif listening:
                try:
                    _wait_until_taken(futures)
                finally:
                    self.end()

    def _divided(
        self,
        function: Callable[..., Result],
        work: list[tuple],
        here: Here,
        futures: set[Future[Result]],
    ) -> Iterator[Result]:
        """This process works as well, first on what is for it; the others get of that once it has
        taken long and nothing else waits for them. futures: kept up to date.
        """
        shared, own = (deque(x for x in work if here(x) == mine) for mine in (False, True))
        own_s, others = 0.0, _processes() - 1
        while futures or shared or own:
            theirs = own if own_s > OWN_SECONDS and not shared else shared
            # No more than a process does and has next: they hold the rows, and an executor that is
            # shut down while others wait in it prints a traceback. A fair part stays here.
            whole = own and theirs is shared
            fair = len(shared) if whole else -(-len(theirs) * others // (others + 1))
            room = min(2 * others - len(futures), fair)
            if room > 0:
                futures |= self._submitted(function, [theirs.popleft() for _ in range(room)])
            mine = own or shared
            if busy := bool(mine):
                begun = monotonic()
                result = function(*mine.popleft())
                own_s += monotonic() - begun if mine is own else 0.0
                yield result
            done, _ = wait(futures, 0 if busy else None, return_when=FIRST_COMPLETED)
            futures -= done
            yield from [future.result() for future in done]

    def _count(self, change: int) -> int:
        """How many searches wait for results now, with one more or less."""
        with self._lock:
            self._searches += change
            return self._searches

    def _submitted(self, function: Callable[..., Result], work: list[tuple]) -> set[Future[Result]]:
        with self._lock, _ctrl_c_blocked():
            executor = self._executor or _new_executor()
            try:
                found = {executor.submit(_alone, function, item) for item in work}
            except BrokenProcessPool:  # one was ended while it had nothing to do
                executor = _new_executor()
                found = {executor.submit(_alone, function, item) for item in work}
            self._executor = executor
            return found

    def end(self) -> None:
        """Ends the processes, unless a search waits for them; the next one starts others."""
        with self._lock:
            if self._searches:
                return
            executor, self._executor = self._executor, None
        if executor:
            executor.shutdown(kill_workers=True)


_pool = _Pool()


def _wait_until_taken(futures: set[Future]) -> None:
    """An executor that is shut down before its thread has seen what was submitted prints a
    traceback (loky 3.6: `add_call_item_to_queue`).
    """
    latest = monotonic() + START_SECONDS
    while not all(f.running() or f.done() for f in futures) and monotonic() < latest:
        sleep(0.001)


def _new_executor() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        _processes() - 1, timeout=IDLE_SECONDS, initializer=_begin, initargs=(os.getpid(),)
    )


def _processes() -> int:
    """How many there may be, this one among them."""
    if current_process().daemon:  # it may start none
        return 1
    try:
        return max(min(cpu_count(), MOST_PROCESSES), 1)
    except ValueError:
        told = os.environ.get("LOKY_MAX_CPU_COUNT")
        raise UsageError(
            f"LOKY_MAX_CPU_COUNT='{told}' is no number of processes: use 1 or more"
        ) from None


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """What is started meanwhile never hears Ctrl-C, which is for the first process; that hears it
    at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    for tracker in (resource_tracker, loky_resource_tracker):
        tracker.ensure_running()  # as it starts, which the first process asks for, it lifts a block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(first: int) -> None:
    """In a new process: it is deaf to Ctrl-C, and ends with the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "fork"):
        Thread(target=_end_with, args=(first,), daemon=True).start()


def _end_with(first: int) -> None:
    while os.getppid() == first:
        sleep(ALONE_SECONDS)
    os._exit(1)


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
    _pool.cluster = True
    try:
        with client, parallel_config(backend="dask"):
            yield
    finally:
        _pool.cluster = False
