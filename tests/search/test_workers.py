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
from tinygen.families import FAMILIES, mlp
from tinygen.search import workers
from tinygen.search.finalists import SearchRequest
from tinygen.search.model_search import find_ladder
from tinygen.search.workers import as_completed, in_processes, in_threads

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
pytestmark = pytest.mark.skipif(CORES == 1, reason="one core has one process")


@pytest.fixture
def pool(monkeypatch):
    """Two processes are allowed, this one and another, which is not there."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    pool = workers._Pool()
    monkeypatch.setattr(workers, "_pool", pool)
    yield pool
    pool.end()


@pytest.fixture
def two_processes(pool, monkeypatch):
    """Both are there from the start."""
    list(pool.results(abs, [(-1,), (-2,)]))
    assert pool.started
    return pool


def where(number: int) -> tuple[int, int, bool, int]:
    """The number, the process, whether Ctrl-C is for others, and the most threads of a library."""
    np.linalg.inv(np.eye(3))
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return number, os.getpid(), deaf, max(pool["num_threads"] for pool in threadpool_info())


WORK = [(k,) for k in range(6)]


def slow_where(number: int, seconds: float = 0.05) -> tuple[int, int, bool, int]:
    time.sleep(seconds)
    return where(number)


def test_work_runs_in_this_process_and_in_others_with_one_thread_each(two_processes):
    found = in_processes(slow_where, WORK)
    assert [number for number, *_ in found] == list(range(6))
    assert len({process for _, process, *_ in found}) == 2
    assert all(deaf == (process != os.getpid()) for _, process, deaf, _ in found)
    assert {threads for *_, threads in found} == {1}
    assert sorted(number for number, *_ in as_completed(where, iter(WORK))) == list(range(6))


def test_two_pieces_of_work_are_one_for_each(two_processes):
    found = in_processes(slow_where, WORK[:2])
    assert len({process for _, process, *_ in found}) == 2


def even(item: tuple) -> bool:
    return item[0] % 2 == 0


def test_what_is_for_this_process_runs_here(two_processes):
    """The rest is for the others, and for this one when it has nothing else."""
    found = {number: process for number, process, *_ in in_processes(slow_where, WORK, even)}
    assert all(found[number] == os.getpid() for number in (0, 2, 4))
    assert any(found[number] != os.getpid() for number in (1, 3, 5))
    mine = [
        number
        for number, process, *_ in two_processes.results(slow_where, WORK, even)
        if process == os.getpid()
    ]
    assert mine[:3] == [0, 2, 4]
    everything = in_processes(where, WORK, lambda item: True)
    assert {process for _, process, *_ in everything} == {os.getpid()}


def test_what_takes_long_here_is_for_the_others_as_well(two_processes, monkeypatch):
    """Behind what was theirs from the start."""
    monkeypatch.setattr(workers, "OWN_SECONDS", 0.01)
    found = dict(entry[:2] for entry in in_processes(slow_where, WORK, lambda _: True))
    assert len(found) == 6 and len(set(found.values())) == 2 and found[0] == os.getpid()
    many = [(number,) for number in (0, 2, 4, 6, 8, 1, 3)]
    came = list(two_processes.results(slow_where, many, even))
    assert sorted(number for number, *_ in came) == sorted(number for (number,) in many)
    elsewhere = [number for number, process, *_ in came if process != os.getpid()]
    assert elsewhere[:2] == [1, 3]


def test_processes_are_kept_while_another_search_uses_them(two_processes):
    two_processes._count(1)
    two_processes.end()
    assert two_processes.started
    two_processes._count(-1)
    two_processes.end()
    assert not two_processes.started


LOADED = """
import sys
from family_models import street
from tinygen.families import FAMILIES
for name in sys.argv[1:]:
    family = FAMILIES[name]
    rows = street(family.tasks[0])
    family.fit_all(rows, family.candidates(rows)[:1], 0, True)
print("sklearn" in sys.modules)
"""
LOAD_SKLEARN = [name for name, family in FAMILIES.items() if family.loads_sklearn]
DO_NOT = [name for name in FAMILIES if name not in LOAD_SKLEARN and not FAMILIES[name].guard]


@pytest.mark.parametrize(
    "names, loaded", [(DO_NOT, "False"), *(([name], "True") for name in LOAD_SKLEARN)]
)
def test_families_whose_fits_load_scikit_learn_say_so(names, loaded):
    """A process takes two seconds for that."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", LOADED, *names]
    run = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [loaded]


def hears_ctrl_c(number: int) -> tuple[int, bool]:
    time.sleep(0.05)
    return os.getpid(), signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.skipif(sys.platform == "win32", reason="no signal masks")
def test_a_process_is_deaf_to_ctrl_c_before_its_first_line(two_processes):
    """One that still loads its libraries would print where it was."""
    heard = set(two_processes.results(hears_ctrl_c, WORK))
    assert len(heard) == 2 and all(hears == (process == os.getpid()) for process, hears in heard)


FIRST = """
import os, signal, time
from tinygen.search import workers

def deaf(k):
    time.sleep(0.5)
    return os.getpid(), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

found = {*workers._pool.results(deaf, [(k,) for k in range(6)])}
print(*{hears for process, hears in found if process != os.getpid()})
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
    assert next(found) >= 0 and handed[0] == 2 and sum(handed) < 20
    assert sorted([*found, 0])[-1] == 19 and max(handed) == 2


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
    first, *others = in_processes(slow_where, WORK)
    assert first[1] == os.getpid() and len({process for _, process, *_ in others}) == 2
    assert [number for number, *_ in (first, *others)] == list(range(6)) and pool.started


def test_a_program_that_has_processes_of_its_own_keeps_them(two_processes):
    """joblib has one pool for all; what asks for another kind of pool ends it."""
    with Parallel(2) as parallel:
        before = {process for _, process, *_ in parallel(delayed(where)(k) for k in range(20))}
        ours = {process for _, process, *_ in in_processes(slow_where, WORK)}
        after = {process for _, process, *_ in parallel(delayed(where)(k) for k in range(20))}
    assert ours - {os.getpid()} and not ours & before and after & before


def killed(number: int, first: int) -> int:
    """Ends its process unless that is the first one."""
    if os.getpid() != first:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.5)
    return number


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_that_is_killed_is_one_line_and_the_next_search_runs(two_processes):
    with pytest.raises(TinygenError, match=r"ended from outside.*LOKY_MAX_CPU_COUNT=1"):
        list(two_processes.results(killed, [(0, os.getpid()), (1, os.getpid())]))
    assert not two_processes.started
    assert [number for number, *_ in two_processes.results(where, WORK[:2])]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_that_was_killed_with_nothing_to_do_is_replaced(two_processes):
    found = {process for _, process, *_ in two_processes.results(slow_where, WORK)}
    (idle,) = found - {os.getpid()}
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
import os, sys, time
from tinygen.search import workers

def pid(k):
    time.sleep(0.05)
    return os.getpid()

found = {*workers._pool.results(pid, [(k,) for k in range(40)])}
print(*(found - {os.getpid()}), flush=True)
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
