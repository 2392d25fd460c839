"""Where a search runs: in this process, in several, or on a cluster, with the same answers."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from family_models import street
from joblib import Parallel, delayed
from search_rows import UNO, made_up
from threadpoolctl import threadpool_info

from tinygen.common.errors import TinygenError, UsageError
from tinygen.families import mlp
from tinygen.search import workers
from tinygen.search.finalists import SearchRequest
from tinygen.search.model_search import find_ladder
from tinygen.search.workers import as_completed, in_processes, in_threads

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
pytestmark = pytest.mark.skipif(CORES == 1, reason="one core has one process")


@pytest.fixture
def pool(monkeypatch):
    """Two processes are allowed, and none is there."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    pool = workers._Pool()
    monkeypatch.setattr(workers, "_pool", pool)
    yield pool
    pool.end()


@pytest.fixture
def two_processes(pool, monkeypatch):
    """They are there from the start."""
    list(pool.results(abs, [(-1,), (-2,)]))
    assert pool.started
    return pool


def where(number: int) -> tuple[int, int, bool, int]:
    """The number, the process, whether Ctrl-C is for others, and the most threads of a library."""
    np.linalg.inv(np.eye(3))
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return number, os.getpid(), deaf, max(pool["num_threads"] for pool in threadpool_info())


WORK = [(k,) for k in range(6)]


def test_work_runs_in_other_processes_with_one_thread_each(two_processes):
    found = in_processes(where, WORK)
    assert [number for number, *_ in found] == list(range(6))
    assert all(process != os.getpid() and deaf for _, process, deaf, _ in found)
    assert {threads for *_, threads in found} == {1}
    assert sorted(number for number, *_ in as_completed(where, iter(WORK))) == list(range(6))


def hears_ctrl_c(number: int) -> bool:
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.skipif(sys.platform == "win32", reason="no signal masks")
def test_a_process_is_deaf_to_ctrl_c_before_its_first_line(two_processes):
    """One that still loads its libraries would print where it was."""
    assert not any(two_processes.results(hears_ctrl_c, WORK)) and hears_ctrl_c(0)


FIRST = """
import signal
from tinygen.search import workers

def deaf(k): return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

print(*{*workers._pool.results(deaf, [(k,) for k in range(6)])})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signal masks")
def test_the_very_first_process_of_a_program_is_deaf_as_well():
    """Whose start starts more, that would lift the block."""
    environment = {**os.environ, "LOKY_MAX_CPU_COUNT": "2"}
    words = [sys.executable, "-c", FIRST]
    run = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
    assert run.stdout.split() == ["True"]


def test_work_that_waits_is_handed_over_as_there_is_room(two_processes, monkeypatch):
    """An executor that is shut down while more waits in it prints a traceback."""
    handed = []
    submitted = two_processes._submitted
    monkeypatch.setattr(
        two_processes, "_submitted", lambda f, work: handed.append(len(work)) or submitted(f, work)
    )
    found = two_processes.results(abs, [(-k,) for k in range(20)])
    assert next(found) >= 0 and handed[0] == 4 and sum(handed) < 20
    assert sorted([*found, 0])[-1] == 19 and sum(handed) == 20


def test_a_search_that_ends_early_leaves_the_processes_to_another(two_processes):
    other = two_processes.results(abs, [(-k,) for k in range(8)])
    first = next(other)
    early = two_processes.results(abs, [(-k,) for k in range(8)])
    next(early)
    early.close()
    assert sorted([first, *other]) == list(range(8))


def test_a_single_piece_of_work_and_what_waits_stay_here(two_processes):
    ((_, here, deaf, _),) = in_processes(where, [(0,)])
    assert here == os.getpid() and not deaf
    assert {process for _, process, *_ in in_threads(where, range(4))} == {os.getpid()}


def test_short_work_stays_here(pool, monkeypatch):
    """The first piece takes longer than processes take to start: the next ones run there."""
    for run in (in_processes, as_completed):
        assert {process for _, process, *_ in run(where, WORK)} == {os.getpid()}
    assert not pool.started
    monkeypatch.setattr(workers, "START_SECONDS", 0.0)
    first, *others = in_processes(where, WORK)
    assert first[1] == os.getpid() and first[1] not in {process for _, process, *_ in others}
    assert [number for number, *_ in (first, *others)] == list(range(6)) and pool.started


def test_a_program_that_has_processes_of_its_own_keeps_them(two_processes):
    """joblib has one pool for all; what asks for another kind of pool ends it."""
    with Parallel(2) as parallel:
        before = {process for _, process, *_ in parallel(delayed(where)(k) for k in range(20))}
        ours = {process for _, process, *_ in in_processes(where, WORK)}
        after = {process for _, process, *_ in parallel(delayed(where)(k) for k in range(20))}
    assert not ours & before and after & before


def killed(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_that_is_killed_is_one_line_and_the_next_search_runs(two_processes):
    with pytest.raises(TinygenError, match=r"ended from outside.*LOKY_MAX_CPU_COUNT=1"):
        list(two_processes.results(killed, [(0,), (1,)]))
    assert not two_processes.started
    assert [number for number, *_ in two_processes.results(where, WORK[:2])]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_that_was_killed_with_nothing_to_do_is_replaced(two_processes):
    (_, idle, *_), *_ = two_processes.results(where, WORK)
    os.kill(idle, signal.SIGKILL)
    time.sleep(1)
    assert sorted(number for number, *_ in two_processes.results(where, WORK)) == list(range(6))


def wrong(number: int) -> int:
    raise UsageError(f"{number} is wrong")


def test_an_error_arrives_as_it_is_and_the_next_search_runs(two_processes):
    with pytest.raises(UsageError, match=r"^. is wrong"):
        in_processes(wrong, WORK)
    assert [number for number, *_ in in_processes(where, WORK)] == list(range(6))


def test_a_large_machine_starts_few_processes(monkeypatch):
    monkeypatch.setattr(workers, "cpu_count", lambda: 64)
    assert workers._processes() == workers.MOST_PROCESSES


def test_what_is_no_number_of_processes_is_one_line(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "many")
    with pytest.raises(UsageError, match="LOKY_MAX_CPU_COUNT='many' is no number of processes"):
        workers._processes()


def test_a_child_that_may_have_none_starts_none(monkeypatch):
    """One of `multiprocessing.Pool`."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    with multiprocessing.Pool(1) as children:
        assert children.apply(workers._processes) == 1
    assert workers._processes() == 2


ENDS = """
import os, sys
from tinygen.search import workers

def pid(k): return os.getpid()

print(*{*workers._pool.results(pid, [(k,) for k in range(40)])}, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_processes_end_with_the_one_that_started_them():
    environment = {**os.environ, "LOKY_MAX_CPU_COUNT": "2"}
    words = [sys.executable, "-c", ENDS]
    run = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
    assert run.returncode == -signal.SIGKILL and run.stdout.split()
    assert all(is_gone(int(process)) for process in run.stdout.split())


def is_gone(process: int) -> bool:
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_search_finds_the_same_in_two_processes(simavr, request):
    asked = SearchRequest("m", UNO, "tree")
    alone = find_ladder(made_up(), asked)
    request.getfixturevalue("two_processes")
    assert find_ladder(made_up(), asked) == alone


def test_the_chosen_net_is_bettered_alike_in_two_processes(two_processes):
    rows = street()
    fitted = mlp.fit(rows, mlp.Config((4,), 2), 1)
    apart, _ = mlp.better(fitted, rows, 1, {}, in_processes)
    here, _ = mlp.better(fitted, rows, 1, {}, lambda function, items: [function(*i) for i in items])
    assert np.array_equal(apart.net.flat(), here.net.flat())


def rows_csv(path) -> str:
    dataset = made_up(rows=3000)
    lines = ["a,b,c,y", *(",".join(map(str, (*x, y))) for x, y in zip(dataset.x, dataset.y))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="a group of processes has no Ctrl-C there")
def test_ctrl_c_ends_all_processes_with_one_line(tmp_path):
    """A terminal sends it to each of them."""
    words = [sys.executable, "-m", "tinygen.cli", "train", rows_csv(tmp_path / "rows.csv")]
    running = subprocess.Popen(
        [*words, "--target", "y", "--family", "mlp", "-o", str(tmp_path / "m.json")],
        env={**os.environ, "LOKY_MAX_CPU_COUNT": "2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "steps" in line:
            break
    os.killpg(running.pid, signal.SIGINT)  # no candidate is complete that could be kept
    rest = running.stderr.read()
    assert running.wait(60) == 130
    assert "Traceback" not in rest and rest.splitlines()[-1] == "tinygen: stopped by the user"
    assert is_gone(-running.pid) and not (tmp_path / "m.json").exists()


THREADS = """
from tinygen.search.workers import one_thread
from threadpoolctl import threadpool_info, threadpool_limits
with {limit}:
    import numpy, scipy.linalg.lapack, sklearn.ensemble
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
print(len(blas), max(blas))
"""


@pytest.mark.parametrize(
    "limit, most", [("one_thread()", 1), ("threadpool_limits(1)", os.cpu_count())]
)
def test_libraries_that_come_later_have_one_thread_too(limit, most):
    """SciPy's BLAS comes with the first net. A limit on what is there, as a control, misses it."""
    free = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    words = [sys.executable, "-c", THREADS.format(limit=limit)]
    run = subprocess.run(words, env=free, capture_output=True, text=True, check=True)
    pools, threads = map(int, run.stdout.split())
    assert pools >= 2 and threads == most


def test_candidates_on_a_cluster_are_the_same(simavr, level):
    distributed = pytest.importorskip("distributed", reason="pip install distributed")
    request = SearchRequest("m", UNO, "auto" if level == "release" else "tree")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=level == "release", dashboard_address=None
    ) as cluster:
        found = find_ladder(made_up(), request, dask=cluster.scheduler_address)
        assert len(cluster.workers) == 2
    assert found == find_ladder(made_up(), request)


def test_no_scheduler_is_one_line(monkeypatch):
    pytest.importorskip("distributed", reason="pip install distributed")
    monkeypatch.setattr(workers, "SCHEDULER_SECONDS", 1)
    with pytest.raises(UsageError, match="no Dask scheduler"):
        find_ladder(made_up(), SearchRequest("m", UNO, "ridge"), dask="tcp://127.0.0.1:9")
