"""The house: rooms that `ls` shows, short files, narrow lines, one direction between folders, one
convention for every command.
"""

import ast
import dataclasses
import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import pytest

from tinygen import cli

ROOT = Path(__file__).parent.parent
ROOMS = ("tinygen", "host")
# one file a member
MANY = {"tinygen/families", "tinygen/commands", "tinygen/model/operations"}
TEXTS = ("*.py", "*.h", "*.cpp", "*.c", "*.j2")
MOST_ENTRIES, MOST_FILES, MOST_LINES, MOST_COLUMNS = 12, 12, 400, 100
MOST_FUNCTION_LINES = 40
HEAVY = ("numpy", "scipy", "sklearn", "matplotlib", "rich", "jinja2", "serial", "elftools")
COMMANDS = sorted(cli.main.commands)


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(name for name in set(listed.stdout.splitlines()) if (ROOT / name).is_file())


def folders() -> list[str]:
    return sorted({str(Path(name).parent) for name in tracked("*.py") if name.startswith(ROOMS)})


# ---- sizes ----


def test_the_rooms_fit_on_one_screen():
    entries = {name.split("/")[1] for name in tracked("tinygen/*")}
    assert len(entries - {"__init__.py", "__main__.py", "py.typed"}) <= MOST_ENTRIES, entries


@pytest.mark.parametrize("folder", [f for f in folders() if f not in MANY])
def test_a_folder_has_at_most_twelve_files(folder):
    files = [name for name in tracked(f"{folder}/*") if str(Path(name).parent) == folder]
    files = [name for name in files if Path(name).name not in ("__init__.py", "py.typed")]
    assert len(files) <= MOST_FILES, files


@pytest.mark.parametrize("name", [n for n in tracked("*.py") if n.startswith(ROOMS)])
def test_a_file_has_one_subject(name):
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", [n for n in tracked(*TEXTS) if "golden/" not in n])
def test_a_line_fits_beside_another(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert not [k for k, line in enumerate(lines, 1) if len(line) > MOST_COLUMNS]


def long_functions(text: str) -> set[str]:
    """Names of the functions that do not fit on a screen."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
    return {f.name for f in functions if (f.end_lineno or 0) - f.lineno + 1 > MOST_FUNCTION_LINES}


@pytest.mark.parametrize("folder", ["tinygen", "host"])
def test_a_function_fits_on_a_screen(folder):
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py")]
    assert not set().union(*map(long_functions, texts))


def test_a_long_function_is_found():
    body = "    a = 1\n" * MOST_FUNCTION_LINES
    assert long_functions(f"class A:\n  def f(self):\n{body}") == {"f"}
    assert not long_functions(f"def f():\n{body[10:]}")


# ---- directions ----


def imports(root: Path, rooms: tuple[str, ...] = ROOMS) -> dict[str, set[str]]:
    """Folder -> the other folders it imports from, at any depth of its code; the package's own
    `__init__` is no folder, and a folder and one inside of it are one room.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(p for room in rooms for p in (root / room).rglob("*.py")):
        here = path.relative_to(root).parent
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            for alias in node.names:
                there = _folder(root, here, node, alias.name)
                if there and str(here) != "tinygen" != there and not _within(here, Path(there)):
                    found.setdefault(str(here), set()).add(there)
    return found


def _within(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _folder(root: Path, here: Path, node: ast.ImportFrom, name: str) -> str | None:
    """The folder that an import reaches into; None for what is not ours."""
    parts = (node.module or "").split(".") if node.module else []
    if node.level:  # host is installed as tinygen.host, and imports as from there
        inside = ("tinygen", *here.parts) if here.parts[0] == "host" else here.parts
        parts = [*inside[: len(inside) - node.level + 1], *parts]
    if parts[:1] != ["tinygen"]:
        return None
    place = Path(*(parts[1:] if parts[1:2] == ["host"] else parts))
    if (root / place / name).is_dir():
        return str(place / name)
    return str(place if (root / place).is_dir() else place.parent)


def circle(graph: dict[str, set[str]], folder: str) -> list[str]:
    """The shortest way from a folder over others back to it; [] if there is none."""
    ways, seen = [[folder]], set()
    for way in ways:
        for there in sorted(graph.get(way[-1], ())):
            if there == folder:
                return [*way, there]
            if there not in seen:
                seen.add(there)
                ways.append([*way, there])
    return []


@cache
def of_the_house() -> dict[str, set[str]]:
    return imports(ROOT)


@pytest.mark.parametrize("folder", folders())
def test_no_circle_between_folders(folder):
    graph = of_the_house()
    assert graph["tinygen/commands"] >= {"tinygen/report", "tinygen/search", "host"}
    assert circle(graph, folder) == []


def test_the_model_stands_on_its_own():
    others = {there for there in of_the_house()["tinygen/model"] if "/model" not in there}
    assert others == {"tinygen/common"}


def test_a_circle_is_found(tmp_path):
    for name, text in {
        "tinygen/a/one.py": "from ..b import two",
        "tinygen/b/two.py": "def f():\n    from ..host.three import x",
        "host/three.py": "from ..a.one import y",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    graph = imports(tmp_path)
    assert circle(graph, "host") == ["host", "tinygen/a", "tinygen/b", "host"]
    assert circle({"host": {"tinygen/a"}, "tinygen/b": {"host"}}, "host") == []


# ---- commands ----


def test_every_file_is_a_command_of_its_name():
    files = {path.stem for path in (ROOT / "tinygen" / "commands").glob("[!_]*.py")}
    assert files == set(COMMANDS)
    for name in COMMANDS:
        module = importlib.import_module(f"tinygen.commands.{name}")
        assert isinstance(module.command, click.Command) and module.command.name == name


def test_a_command_imports_what_is_heavy_when_it_runs():
    program = (
        "import importlib, sys\n"
        f"for name in {COMMANDS}:\n"
        "    importlib.import_module('tinygen.commands.' + name)\n"
        f"    print(name, [heavy for heavy in {HEAVY} if heavy in sys.modules])\n"
        "import numpy\n"
        f"print('control', [heavy for heavy in {HEAVY} if heavy in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    *lines, control = done.stdout.splitlines()
    assert lines == [f"{name} []" for name in COMMANDS], done.stderr
    assert control == "control ['numpy']"


def results_of(name: str) -> list[type]:
    """The classes that a command's function returns, by its annotation."""
    path = ROOT / "tinygen" / "commands" / f"{name}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    returned = {
        node.value.func.id
        for node in ast.walk(functions["command"])
        if isinstance(node, ast.Return)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id in functions
    }
    (kinds,) = {ast.unparse(functions[function].returns) for function in returned}
    return [_class_of(kind, name, tree) for kind in kinds.split(" | ")]


def _class_of(kind: str, name: str, tree: ast.Module) -> type:
    module = importlib.import_module(f"tinygen.commands.{name}")
    if hasattr(module, kind):
        return getattr(module, kind)
    for node in ast.walk(tree):  # a class of another room, named for its type
        if isinstance(node, ast.ImportFrom) and kind in [alias.name for alias in node.names]:
            place = "." * node.level + (node.module or "")
            return getattr(importlib.import_module(place, "tinygen.commands"), kind)
    raise AssertionError(f"{name}: no class {kind}")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "completion"])
def test_a_result_is_frozen_and_has_text_and_plain_values(name):
    for kind in results_of(name):
        assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen
        assert callable(kind.text) and callable(kind.plain)


@pytest.mark.parametrize("name", [n for n in tracked("*.py") if n.startswith(ROOMS)])
def test_the_library_prints_nothing(name):
    """Only a program's main() prints; no progress goes to `print` by default."""
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    library = [node for node in tree.body if getattr(node, "name", "") != "main"]
    nodes = [node for part in library for node in ast.walk(part)]
    used = [node.lineno for node in nodes if isinstance(node, ast.Name) and node.id == "print"]
    assert not used
