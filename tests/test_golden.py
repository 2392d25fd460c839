"""The golden layer: what stored models turn into, byte for byte, on this commit and on the one
before.

tests/golden/house holds one model file of every family and task, made once; nothing here trains.
From each come its header (for every goal of --optimize), the program of that header on every
simulated chip, and the model file written again. Three stored projects (a regression, a classifier,
a guard) give ladder, report and card as well. Texts are stored as they are, programs as hashes
under the compiler that made them.

    pytest tests/test_golden.py --update-golden && git diff tests/golden/house
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from family_models import TASKS, street_model
from page_files import station, trained

from tinygen.codegen.emit import emit_project, render_header
from tinygen.commands.card import card
from tinygen.commands.report import report
from tinygen.common.boards import BOARDS
from tinygen.common.choices import OPTIMIZE
from tinygen.common.files import ladder_path
from tinygen.model.model import load
from tinygen.report.ladder import ladder_text
from tinygen.search.ladder import load_ladders
from tinygen.target.bare import compile_bare
from tinygen.target.build import build_firmware

HOUSE = Path(__file__).parent / "golden" / "house"
HASHES = HOUSE / "programs.json"
CHIPS = ("uno", "megaatmega2560")
ROWS = 8  # the bare program takes so many rows at a time
NAMES = [f"{family}-{task}" for family, task in TASKS]
PROJECTS = {"numbers": {}, "classes": {"target": "kind", "threshold": None}}


@pytest.fixture
def updating(request) -> bool:
    return request.config.getoption("--update-golden")


def stored_model(name: str, updating: bool):
    """The stored model; a new family's is fitted once, when golden files are updated."""
    path = HOUSE / f"{name}.json"
    if updating and not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        street_model(*name.split("-")).save(path)
    return load(path)


def same_text(path: Path, text: str, updating: bool) -> None:
    if updating:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == text


def same_hash(key: str, data: bytes, made_by: str, updating: bool) -> None:
    """Compares a hash that holds for one version of a tool; another version has its own entries."""
    known = json.loads(HASHES.read_text()) if HASHES.is_file() else {}
    found = hashlib.sha256(data).hexdigest()[:24]
    if updating:
        known.setdefault(made_by, {})[key] = found
        HASHES.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    if made_by not in known:
        pytest.skip(
            f"no golden programs of {made_by}: run pytest tests/test_golden.py --update-golden "
            "on a good commit"
        )
    assert known[made_by].get(key) == found, f"{key} by {made_by} differs from the stored program"


def compiler(tools) -> str:
    return subprocess.run(
        [str(tools.avr_gcc), "--version"], capture_output=True, text=True
    ).stdout.splitlines()[0]


def loaded_bytes(elf: Path, tools) -> bytes:
    """What a programmer would write: the Intel HEX of an ELF."""
    objcopy = Path(tools.avr_gcc).with_name(Path(tools.avr_gcc).name.replace("gcc", "objcopy"))
    target = elf.with_suffix(".golden.hex")
    subprocess.run([str(objcopy), "-O", "ihex", "-R", ".eeprom", str(elf), str(target)], check=True)
    return target.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_model_files(name, updating, tmp_path):
    model = stored_model(name, updating)
    model.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (HOUSE / f"{name}.json").read_bytes()


@pytest.mark.parametrize("optimize", OPTIMIZE)
@pytest.mark.parametrize("name", NAMES)
def test_headers(name, optimize, updating):
    model = replace(stored_model(name, updating), optimize=optimize)
    same_text(HOUSE / f"{name}-{optimize}.h", render_header(model), updating)


@pytest.mark.parametrize("name", NAMES)
def test_programs_of_the_model_alone(name, toolchain, updating, tmp_path):
    for optimize in OPTIMIZE:
        for board in CHIPS:
            folder = tmp_path / f"{optimize}-{board}"
            folder.mkdir()
            elf = compile_bare(
                replace(stored_model(name, updating), optimize=optimize),
                BOARDS[board],
                folder,
                ROWS,
            )
            same_hash(
                f"{name}-{optimize}-{board}",
                loaded_bytes(elf, toolchain),
                compiler(toolchain),
                updating,
            )


@pytest.mark.parametrize("board", CHIPS)
@pytest.mark.parametrize("name", NAMES)
def test_whole_firmware(name, board, toolchain, updating, level, tmp_path):
    if level == "commit" and name != "mlp-regression":
        pytest.skip("firmware of every family: --level release")
    model = stored_model(name, updating)
    for optimize in OPTIMIZE if level == "release" else OPTIMIZE[:1]:
        project = emit_project(
            replace(model, optimize=optimize), tmp_path / optimize, [BOARDS[board]]
        )
        firmware = build_firmware(project, BOARDS[board])
        same_hash(
            f"firmware-{name}-{optimize}-{board}",
            firmware.hex.read_bytes(),
            compiler(toolchain),
            updating,
        )


def project(name: str, updating: bool) -> Path:
    """Folder of a stored project: rows, model file, ladder."""
    folder = HOUSE / name
    if updating and not (folder / "station.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        options = PROJECTS[name]
        csv = station(folder / "station.csv")
        if name == "classes":
            lines = csv.read_text().splitlines()
            kinds = [
                "kind",
                *("high" if float(line.rpartition(",")[2]) > 35 else "low" for line in lines[1:]),
            ]
            csv.write_text(
                "".join(f"{line.rpartition(',')[0]},{kind}\n" for line, kind in zip(lines, kinds))
            )
            trained(folder, csv, kind="logistic", **options)
        else:
            trained(folder, csv)
    return folder


@pytest.mark.parametrize("name", PROJECTS)
def test_ladder_report_and_card(name, simavr, updating, tmp_path):
    folder = project(name, updating)
    path = folder / "station.json"
    same_text(
        folder / "ladder.txt", ladder_text(load_ladders(ladder_path(path))[0]) + "\n", updating
    )
    card(path, tmp_path / "card.md", folder / "station.csv")
    same_text(folder / "card.md", (tmp_path / "card.md").read_text(encoding="utf-8"), updating)
    report(path, tmp_path / "report.html", folder / "station.csv")
    drawn_by = f"{compiler(simavr)}, matplotlib {matplotlib.__version__}"
    same_hash(f"report-{name}", (tmp_path / "report.html").read_bytes(), drawn_by, updating)
