"""The pytest plugin of tinygen: the same tests on a simulated and on a real board.

    pytest --board sim:uno --board sim:megaatmega2560
    pytest --board=/dev/ttyACM0
    pytest --board auto --require-board --junitxml results.xml --artifacts results/
    pytest --model benzene.json --model traffic.json    one board holds both; tests run for each

A run that uses none of its fixtures pays for nothing but these few options: tinygen itself is
imported by a fixture only. Where a project's own conftest.py has an option of the same name, ours
steps back; `-o tinygen_board=...` still serves.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .bench import Bench

MARKERS = (
    "hil: needs a real board; skipped without one",
    "sim: needs a simulated board; skipped on a real one",
    "needs(*abilities): needs a board that can do this: led_readback, led_history, exact_cycles, "
    "faults, reset, hardware, "
    "simulator, or what --board-has names",
    "of_model(*names): for the models of these names only, where the board holds several",
)
DEFAULT_BOARD, DEFAULT_MODEL = "sim:uno", "model.json"
_MODELS = pytest.StashKey[tuple]()


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
        action="append",
        dest="tinygen_model",
        metavar="FILE",
        help="model file; given several times, one firmware holds them and a test runs for each "
        f"(default: {DEFAULT_MODEL} of the project)",
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
    _add_settings(parser)


def _add_settings(parser) -> None:
    parser.addini(
        "tinygen_board", "boards to test on, where --board names none", type="args", default=[]
    )
    parser.addini(
        "tinygen_model", "model files, one a line, where --model names none", type="linelist"
    )


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


def model_files(config) -> list[Path]:
    """The model files asked for: of one, or of those that one firmware holds."""
    if given := config.getoption("tinygen_model", None):
        return list(map(Path, given))
    return [config.rootpath / name for name in config.getini("tinygen_model") or [DEFAULT_MODEL]]


def pytest_generate_tests(metafunc):
    if "tinygen_target" in metafunc.fixturenames and len(specs := targets(metafunc.config)) > 1:
        metafunc.parametrize("tinygen_target", specs, indirect=True, scope="session")
    if "tinygen_number" in metafunc.fixturenames and len(model_files(metafunc.config)) > 1:
        names = [model.name for model in _several(metafunc.config)]
        metafunc.parametrize(
            "tinygen_number",
            [names.index(name) for name in _wanted(metafunc.definition, names)],
            ids=_wanted(metafunc.definition, names),
            indirect=True,
            scope="session",
        )


def _wanted(item, names: list[str]) -> list[str]:
    """The models that a test is for; CollectError where its mark names none of the board's."""
    marked = [name for mark in item.iter_markers("of_model") for name in mark.args]
    if unknown := sorted(set(marked) - set(names)):
        raise pytest.Collector.CollectError(
            f"{item.name} is marked of_model({unknown[0]!r}): the board holds {', '.join(names)}"
        )
    return [name for name in names if not marked or name in marked]


def _several(config) -> tuple:
    """The models that one firmware holds, read once."""
    if _MODELS not in config.stash:
        from ..codegen.projects.together import require_together
        from ..common.errors import TinygenError
        from ..model.signals.any_model import load_any

        try:
            models = require_together([load_any(path) for path in model_files(config)])
        except TinygenError as error:
            raise pytest.Collector.CollectError(str(error)) from None
        config.stash[_MODELS] = models
    return config.stash[_MODELS]


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
def tinygen_number(request) -> int:
    """The number of the model under test, among those of the board."""
    return getattr(request, "param", 0)


@pytest.fixture(scope="session")
def model(request, tinygen_number):
    """The model under test; where the board holds several, one after the other."""
    from ..common.errors import TinygenError
    from ..model.model import load

    files = model_files(request.config)
    if len(files) > 1:
        return _several(request.config)[tinygen_number]
    try:
        return load(files[0])
    except TinygenError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def tinygen_benches(request, tmp_path_factory, record_testsuite_property):
    """`tinygen_benches(target, models)`: the board with these models in it, built and, if real,
    loaded once in a session.
    """
    cache = getattr(request.config, "cache", None)
    folder = Path(cache.mkdir("tinygen")) if cache else tmp_path_factory.mktemp("tinygen")
    benches = {}  # target -> Bench

    def bench_of(target: str, models: tuple) -> Bench:
        if (found := benches.get(target)) and found.models == models:
            return found
        if found:  # it holds the port
            benches.pop(target).close()
        made = benches[target] = _prepare(request.config, target, models, folder)
        for name, value in _session_figures(made).items():
            record_testsuite_property(f"{target} {name}", value)
        return made

    yield bench_of
    for bench in benches.values():
        bench.close()


def _prepare(config, target: str, models: tuple, folder: Path) -> Bench:
    from ..common.errors import BuildError, TinygenError
    from ..host.discover import NoBoard
    from .bench import prepare
    from .toolchain import ensure, need_simavr

    if target.startswith("sim:"):
        try:
            need_simavr(ensure(install=False))
        except BuildError as error:
            _absent(config, str(error))
    try:
        return prepare(target, models, folder)
    except NoBoard as error:
        return _absent(config, str(error))
    except TinygenError as error:
        return pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def tinygen_bench(request, tinygen_target, tinygen_benches, model):
    """The board with the model in it, and with the others of --model."""
    several = _several(request.config) if len(model_files(request.config)) > 1 else ()
    return tinygen_benches(tinygen_target, several if model in several else (model,))


def _session_figures(bench: Bench) -> dict[str, object]:
    """What the whole run was about; of several models their names and costs beside each other."""
    from .build import Firmware

    firmware = bench.firmware
    figures = {
        "board": bench.board.pio_id,
        "model": " ".join(model.name for model in bench.models),
        "model_id": " ".join(f"{model.model_id:08x}" for model in bench.models),
        "loaded": firmware is not None and not bench.target.simulated,
    }
    if firmware is None:
        return figures
    figures |= {name: getattr(firmware, name) for name in ("flash_bytes", "ram_bytes")}
    if isinstance(firmware, Firmware):
        names = ("model_flash_bytes", "cycles_max")
        return figures | {name: getattr(firmware, name) for name in names}
    cycles = {f"{part.name} cycles_max": part.cycles_max for part in firmware.parts}
    return figures | {"models_flash_bytes": firmware.models_flash_bytes} | cycles


@pytest.fixture
def board(request, tinygen_bench, model):
    """A fresh connection to the board's model: .info, .link, .stream(rows), .leds(), .simulator
    (None on a real board).
    """
    from ..common.errors import TinygenError

    try:
        connection = tinygen_bench.connect(model)
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
