"""The pytest plugin of tinygen: the same tests on a simulated and on a real board.

    pytest --board sim:uno --board sim:megaatmega2560
    pytest --board=/dev/ttyACM0
    pytest --board auto --require-board --junitxml results.xml --artifacts results/

A run that uses none of its fixtures pays for nothing but these few options: tinygen itself is
imported by a fixture only. Where a project's own conftest.py has an option of the same name, ours
steps back; `-o tinygen_board=...` still serves.
"""

from __future__ import annotations

from pathlib import Path

import pytest

MARKERS = (
    "hil: needs a real board; skipped without one",
    "sim: needs a simulated board; skipped on a real one",
    "needs(*abilities): needs a board that can do this: led_readback, led_history, exact_cycles, "
    "faults, reset, hardware, "
    "simulator, or what --board-has names",
)
DEFAULT_BOARD, DEFAULT_MODEL = "sim:uno", "model.json"


def pytest_addoption(parser):
    group = parser.getgroup("tinygen", "tinygen: models on boards")
    group.addoption(
        "--board",
        action="append",
        dest="tinygen_board",
        metavar="sim:ID|auto|PORT|ID:PORT",
        help=f"board to test on; may be given several times (default: {DEFAULT_BOARD})",
    )
    group.addoption(
        "--model",
        dest="tinygen_model",
        metavar="FILE",
        help=f"model file (default: {DEFAULT_MODEL} of the project)",
    )
    group.addoption(
        "--require-board",
        action="store_true",
        dest="tinygen_require",
        help="fail, where no board would mean a skip",
    )
    group.addoption(
        "--board-has",
        action="append",
        dest="tinygen_has",
        default=[],
        metavar="ABILITY",
        help="something your bench has for tests marked needs(ABILITY), as optical",
    )
    group.addoption(
        "--artifacts",
        dest="tinygen_artifacts",
        metavar="DIR",
        help="folder for the wire's raw log, the rows and the LED waveform of every test with a "
        "board",
    )
    parser.addini(
        "tinygen_board", "boards to test on, where --board names none", type="args", default=[]
    )
    parser.addini("tinygen_model", "model file, where --model names none", default="")


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(parser):
    """While the conftest.py files are read, our options are out of the way; those that nobody else
    wants come back.
    """
    known = getattr(
        getattr(parser, "optparser", None), "_option_string_actions", {}
    )  # pytest 9: one argparse parser
    ours = {name: action for name, action in known.items() if action.dest.startswith("tinygen_")}
    for name in ours:
        del known[name]
    yield
    for name, action in ours.items():
        known.setdefault(name, action)
    _give_way(parser)


def _give_way(parser) -> None:
    """Before pytest 9 the groups are read later: drops our options whose names a conftest.py has
    taken.
    """
    ours = parser.getgroup("tinygen")
    others = [group for group in (parser._anonymous, *parser._groups) if group is not ours]
    taken = {name for group in others for option in group.options for name in option.names()}
    ours.options[:] = [option for option in ours.options if not taken & set(option.names())]


def pytest_configure(config):
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    for spec in config.getoption("tinygen_board", None) or ():
        if spec in config.invocation_params.args and Path(spec).exists():
            raise pytest.UsageError(
                f"write --board={spec}, with '=': a path after a space moves pytest's root folder "
                "to it"
            )


def targets(config) -> list[str]:
    """The boards asked for, as written."""
    return (
        config.getoption("tinygen_board", None) or config.getini("tinygen_board") or [DEFAULT_BOARD]
    )


def pytest_generate_tests(metafunc):
    if "tinygen_target" in metafunc.fixturenames and len(specs := targets(metafunc.config)) > 1:
        metafunc.parametrize("tinygen_target", specs, indirect=True, scope="session")


def pytest_collection_modifyitems(config, items):
    """Skips, by name, what this board cannot be; only tests that ask for a board are looked at."""
    for item in items:
        if "tinygen_target" not in getattr(item, "fixturenames", ()):
            continue
        reason = _why_not(item, _spec(item))
        if reason and not _required(item):
            item.add_marker(pytest.mark.skip(reason=f"{item.name} {reason}"))


def pytest_runtest_setup(item):
    """With --require-board a real board that is not there is a failure."""
    if (
        "tinygen_target" in getattr(item, "fixturenames", ())
        and _required(item)
        and (reason := _why_not(item, _spec(item)))
    ):
        pytest.fail(f"{item.name} {reason} (--require-board)", pytrace=False)


def _spec(item) -> str:
    callspec = getattr(item, "callspec", None)
    return (callspec and callspec.params.get("tinygen_target")) or targets(item.config)[0]


def _required(item) -> bool:
    """True if the test must not be skipped for want of a real board."""
    return (
        item.config.getoption("tinygen_require", False)
        and item.get_closest_marker("hil") is not None
    )


def _why_not(item, spec: str) -> str:
    """Why this test cannot run on this board; empty if it can."""
    simulated = spec.startswith("sim:")
    if simulated and item.get_closest_marker("hil"):
        return f"needs a real board: pytest --board auto (this is {spec})"
    if not simulated and item.get_closest_marker("sim"):
        return f"needs a simulated board (this is {spec})"
    wanted = {ability for mark in item.iter_markers("needs") for ability in mark.args}
    if not wanted:
        return ""
    from .bench import REAL, SIMULATED

    lacking = (
        wanted - (SIMULATED if simulated else REAL) - set(item.config.getoption("tinygen_has", []))
    )
    return (
        f"needs {', '.join(sorted(lacking))}: {spec} has it not (--board-has says otherwise)"
        if lacking
        else ""
    )


def _absent(config, reason: str):
    """No board: a skip, or a failure where one is required."""
    if config.getoption("tinygen_require", False):
        pytest.fail(f"{reason} (--require-board)", pytrace=False)
    pytest.skip(reason)


# ---- fixtures ----


@pytest.fixture(scope="session")
def tinygen_target(request) -> str:
    """The board asked for, as written after --board."""
    return getattr(request, "param", None) or targets(request.config)[0]


@pytest.fixture(scope="session")
def model(request):
    """The model under test."""
    from ..common.errors import TinygenError
    from ..model.model import load

    config = request.config
    given = config.getoption("tinygen_model", None)
    path = (
        Path(given)
        if given
        else config.rootpath / (config.getini("tinygen_model") or DEFAULT_MODEL)
    )
    try:
        return load(path)
    except TinygenError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def tinygen_bench(request, tinygen_target, model, tmp_path_factory, record_testsuite_property):
    """The board with the model in it: built and, if real, loaded once in a session."""
    from ..common.errors import BuildError, TinygenError
    from ..host.discover import NoBoard
    from .bench import prepare
    from .toolchain import ensure, need_simavr

    config = request.config
    if tinygen_target.startswith("sim:"):
        try:
            need_simavr(ensure(install=False))
        except BuildError as error:
            _absent(config, str(error))
    cache = getattr(config, "cache", None)
    folder = Path(cache.mkdir("tinygen")) if cache else tmp_path_factory.mktemp("tinygen")
    try:
        bench = prepare(tinygen_target, model, folder)
    except NoBoard as error:
        _absent(config, str(error))
    except TinygenError as error:
        pytest.fail(str(error), pytrace=False)
    for name, value in _session_figures(bench).items():
        record_testsuite_property(f"{tinygen_target} {name}", value)
    with bench:
        yield bench


def _session_figures(bench) -> dict[str, object]:
    figures = {
        "board": bench.board.pio_id,
        "model": bench.model.name,
        "model_id": f"{bench.model.model_id:08x}",
        "loaded": bench.firmware is not None and not bench.target.simulated,
    }
    if bench.firmware:
        figures |= {
            name: getattr(bench.firmware, name)
            for name in ("flash_bytes", "ram_bytes", "model_flash_bytes", "cycles_max")
        }
    return figures


@pytest.fixture
def board(request, tinygen_bench):
    """A fresh connection to the board: .info, .link, .stream(rows), .leds(), .simulator (None on a
    real board).
    """
    from ..common.errors import TinygenError

    try:
        connection = tinygen_bench.connect()
    except TinygenError as error:
        pytest.fail(str(error), pytrace=False)
    with connection:
        yield connection
        request.node.user_properties.extend(connection.figures().items())  # into the JUnit XML
        if folder := request.config.getoption("tinygen_artifacts", None):
            from .bench import artifact_name

            connection.save(Path(folder) / artifact_name(request.node.nodeid))


@pytest.fixture
def stream(board):
    """stream(rows) -> Outcome: .verdict and .replies; rows are raw values or a CSV file's path."""
    return board.stream


@pytest.fixture
def leds(board):
    """leds() -> the LEDs that are lit: Pin.RED, Pin.GREEN or Pin(0) for none."""
    return board.leds
