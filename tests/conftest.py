"""What several tests share: the tool chain, the real data file, golden files.

A missing tool skips a test and says how to get it; on continuous integration (CI=true) it fails,
so that a green run there has run everything.
"""

import gc
import os
import signal
from pathlib import Path

import built_once
import pytest
from needs import unavailable

from tinygen.common.errors import BuildError
from tinygen.target import avr_gcc
from tinygen.target.toolchain import ensure, need_avrdude, need_simavr

DATA_NAME = "AirQualityUCI.csv"
# Files whose tests take longest, longest first: begun last, one core would work on them alone.
LONGEST = (
    "test_chip",
    "test_demo",
    "test_reliability",
    "test_build",
    "test_pytest_plugin",
    "test_docs",
    "test_compilers",
    "test_search",
    "test_loop",
    "test_estimators",
)


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/golden/* anew; review the diff"
    )
    parser.addoption(
        "--level",
        choices=["commit", "release"],
        default="commit",
        help="release: the long test programme",
    )


def pytest_configure():
    """A shell starts programs behind `&` deaf to Ctrl-C, and what they start inherits it: tests
    that send it would wait in vain. Beside other workers each has one core: threads of OpenMP would
    spin while they wait for it. A search stays in this process, where tests change what it calls.
    """
    os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_collection():
    """Thousands of tests, and the libraries that they import, stay to the end: looking through them
    for garbage took a quarter of the time.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_collection_modifyitems(items):
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture(scope="session")
def toolchain():
    """The AVR compiler, the Arduino core and PlatformIO's folder; nothing is installed by a
    test.
    """
    try:
        return ensure(install=False)
    except BuildError as error:
        unavailable(str(error))


@pytest.fixture(scope="session")
def simavr(toolchain):
    """The tool chain, with the simulator's library."""
    try:
        need_simavr(toolchain)
    except BuildError as error:
        unavailable(str(error))
    return toolchain


@pytest.fixture(scope="session")
def compiled_files(tmp_path_factory) -> Path:
    """A folder of the run, for both workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder of its own in the run's
        folder = folder.parent
    folder = folder / "compiled files"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def each_program_compiled_once(compiled_files):
    """Bare programs: a search compiles what the one before it has compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(avr_gcc, "_run", built_once.compiler(avr_gcc._run, compiled_files))
        yield


@pytest.fixture(scope="session")
def firmware_elf(simavr, compiled_files):
    """`firmware_elf(project, board)`: the program of a project, not measured."""
    return lambda project, board: built_once.firmware(
        Path(project.directory), board, simavr, compiled_files
    )


@pytest.fixture(scope="session")
def avrdude(toolchain):
    """The tool chain, with the uploader."""
    try:
        need_avrdude(toolchain)
    except BuildError as error:
        unavailable(str(error))
    return toolchain


@pytest.fixture(scope="session")
def air_quality() -> Path:
    """The original UCI file, from the folder or file that $TINYGEN_DATA names."""
    given = Path(os.environ.get("TINYGEN_DATA", ""))
    path = given / DATA_NAME if given.is_dir() else given
    if not (os.environ.get("TINYGEN_DATA") and path.is_file()):
        pytest.skip(f"no {DATA_NAME}: set TINYGEN_DATA to its folder (UCI dataset 360)")
    return path


@pytest.fixture
def golden(request):
    """`golden(name, text)`: text equals tests/golden/NAME byte for byte; --update-golden writes
    it.
    """

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), (
            f"{path.name} is missing: run pytest --update-golden and review the diff"
        )
        assert path.read_text(encoding="utf-8") == text

    return compare


@pytest.fixture(scope="session")
def level(request) -> str:
    """How long the test programme is: "commit" or "release"."""
    return request.config.getoption("--level")


@pytest.fixture
def figures(record_property):
    """`figures(name, text)`: what a suite counted, told at the end of the run and in its JUnit
    XML.
    """
    return lambda name, text: record_property(f"{FIGURE}{name}", text)


FIGURE = "figure: "


def pytest_terminal_summary(terminalreporter):
    """The figures of the reliability suites; they come with the tests' reports, also from other
    processes.
    """
    said = [
        (name.removeprefix(FIGURE), text)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, text in report.user_properties
        if name.startswith(FIGURE)
    ]
    if said:
        terminalreporter.section("reliability figures")
        for name, text in said:
            terminalreporter.line(f"{name:<28} {text}")
