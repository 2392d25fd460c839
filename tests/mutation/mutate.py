"""Mutants of the modules that everything rests on, by cosmic-ray's operators: `make mutation`.

    python tests/mutation/mutate.py [--seed 16] [--share 1.0] [--write | --again] [GROUP...]

A mutant is one operator at one place of one file. It is killed if a test of its group fails, or
runs for more than a minute. A process that has numpy, scikit-learn and pytest in memory forks for
each mutant; the child reads the changed text in place of the file: nothing on the disk changes.

Left out are mutants that are no other program: those of annotations, and `==` that becomes `is`. Of
the others a sample is drawn with a seed; `--share 1.0` takes all. A mutant that lives is a missing
test, or stands in equivalent.py with the reason why no test can notice it. It counts as alive. When
the test is written, `--again` tries the living ones of results.txt once more, and these alone.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib.machinery
import os
import random
import re
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from equivalent import EQUIVALENT

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results.txt")
SEED = 16
SECONDS = 60  # of CPU time, for the tests of one mutant
WALL = 600
NO_ARGUMENTS = ("VariableReplacer", "VariableInserter")  # of operators that want a list of names


@dataclass(frozen=True)
class Group:
    """Files, the tests that guard them, and how many mutants a sample has."""

    files: tuple[str, ...]
    tests: tuple[str, ...]
    sample: int


@dataclass(frozen=True)
class Mutant:
    """One change; text: of the whole file."""

    file: str
    operator: str
    line: int
    was: str
    now: str
    text: str

    @property
    def reason(self) -> str:
        """Why no test can notice it; "" where nobody has said."""
        return EQUIVALENT.get((self.file, self.was, self.now), "")


OPERATIONS = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "tinygen/model/operations").glob("[a-z]*.py")
)
FLOATS, FROZEN = "tests/search/test_verdict.py", "tests/model/test_frozen.py"
GROUPS = {
    "quantizer": Group(
        ("tinygen/search/quantization.py", "tinygen/model/fixedpoint.py"),
        (
            *("tests/search/test_quantization.py", "tests/model/test_alarm_band.py"),
            *("tests/model/test_alarms.py", "tests/model/test_error_bars.py"),
            *("tests/model/test_not_sure.py", "tests/model/test_model.py", FROZEN),
        ),
        30,
    ),
    "operations": Group(
        ("tinygen/model/nodes.py", *OPERATIONS),
        (
            *("tests/model/test_nodes.py", "tests/model/test_node_limits.py"),
            *("tests/model/test_view_numbers.py", "tests/model/test_operations.py", FROZEN),
            *("tests/model/test_model.py", "tests/codegen/test_constants_told.py"),
            *("tests/codegen/test_emit.py", "tests/codegen/test_twin_in_c.py", "--level=release"),
            f"{FLOATS}::test_the_float_program_computes_the_nodes_without_their_rounding",
            "tests/codegen/test_kernels.py::test_logarithms_of_every_value",
        ),
        30,
    ),
    "protocol": Group(
        ("host/protocol.py",),
        (
            *("tests/host/test_protocol_parse.py", "tests/host/test_protocol.py"),
            *("tests/host/test_protocol_models.py", FROZEN),
        ),
        30,
    ),
    "check": Group(
        ("host/check.py",),
        ("tests/host/test_check_parts.py", "tests/host/test_check.py", FROZEN),
        40,
    ),
}


def places(file: str) -> list[tuple[str, str, int]]:
    """Where a file can be changed: (file, operator, occurrence)."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    nodes = list(ast_nodes(get_ast((ROOT / file).read_text(encoding="utf-8"))))
    found = []
    for name in sorted(operator_names()):
        kind = name.rpartition("/")[2]
        if kind in NO_ARGUMENTS or (kind.endswith(("_Is", "_IsNot")) and "Operator_Is" not in kind):
            continue
        operator = get_operator(name)()
        count = sum(len(list(operator.mutation_positions(node))) for node in nodes)
        found += [(file, name, occurrence) for occurrence in range(count)]
    return found


def mutants(chosen: list[tuple[str, str, int]], number: int) -> list[Mutant]:
    """The first so many of these changes that each make another program."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    found: dict[str, Mutant] = {}
    for file, name, occurrence in chosen:
        if len(found) == number:
            break
        before = (ROOT / file).read_text(encoding="utf-8")
        after = mutate_code(before, get_operator(name)(), occurrence)
        if after is not None and after not in found and _program(after) != _program(before):
            found[after] = _mutant(file, name.rpartition("/")[2], before, after)
    return list(found.values())


def _mutant(file: str, kind: str, before: str, after: str) -> Mutant:
    changed = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    line = next(
        k for k, (a, b) in enumerate(zip(before.splitlines(), after.splitlines())) if a != b
    )
    was, now = (next((c[2:].strip() for c in changed if c[0] == sign), "") for sign in "-+")
    return Mutant(file, kind, line + 1, was, now, after)


def _program(text: str) -> str:
    """What the text does: annotations are never evaluated here."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, (ast.AnnAssign, ast.arg)):
            node.annotation = ast.Constant(None)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
    return ast.dump(tree)


def killed(mutant: Mutant | None, tests: tuple[str, ...]) -> bool:
    """True if a test fails in a child that reads the mutant; None: the files as they are."""
    child = os.fork()
    if child == 0:
        os._exit(_tried(mutant, tests))
    end = time.monotonic() + WALL
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _tried(mutant: Mutant | None, tests: tuple[str, ...]) -> int:
    """In the child: 0 if all tests pass."""
    import pytest

    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if mutant:
        _read_instead(mutant)
    return int(pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *tests]))


def _read_instead(mutant: Mutant) -> None:
    """Imports of the mutant's file compile its text."""
    place, loader = str(ROOT / mutant.file), importlib.machinery.SourceFileLoader
    plain = loader.get_code

    def get_code(self, name):
        if os.path.realpath(self.path) == place:
            return compile(mutant.text, place, "exec", dont_inherit=True)
        return plain(self, name)

    loader.get_code = get_code


def report(name: str, group: Group, share: float | None, seed: int) -> str:
    """One group's mutants, tried: counts, and each that no test has killed."""
    everywhere = [place for file in group.files for place in places(file)]
    random.Random(seed).shuffle(everywhere)
    wanted = group.sample if share is None else round(share * len(everywhere))
    chosen = mutants(everywhere, wanted)
    number = len(chosen)
    if killed(None, group.tests):
        raise SystemExit(f"{name}: the tests fail without a mutant")
    drawn = f"drawn from {len(everywhere)} places with seed {seed}"
    return told(name, number, living(name, chosen, group), drawn)


def living(name: str, chosen: list[Mutant], group: Group) -> list[Mutant]:
    """Those that no test kills."""
    alive = []
    for place, mutant in enumerate(chosen, 1):
        if not killed(mutant, group.tests):
            alive.append(mutant)
            print(f"\n{mutant.file}:{mutant.line} {mutant.was} -> {mutant.now}", file=sys.stderr)
        done = f"{place}/{len(chosen)}, {len(alive)} alive"
        print(f"\r{name} {done}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return alive


HEAD = re.compile(
    r"(\w+): (\d+) of (\d+) killed, [\d.]+ %(?:, (\d+) before their tests were written)?; (.+)"
)


def again(name: str, group: Group, stored: str) -> str:
    """A stored text of one group, its living mutants tried once more: by the tests of today."""
    head, *rest = stored.splitlines()
    _, _, number, first, drawn = HEAD.fullmatch(head).groups()
    before = HEAD.fullmatch(head)[2] if first is None else first
    alive = living(name, [_stored(*rest[k : k + 3]) for k in range(0, len(rest), 4)], group)
    return told(name, int(number), alive, drawn, int(before))


def _stored(place: str, was: str, now: str) -> Mutant:
    """A mutant as results.txt tells it."""
    (file, line), kind = place.split()[0].split(":"), place.split()[1]
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines(keepends=True)
    old, new = was.strip().removeprefix("- "), now.strip().removeprefix("+").strip()
    if lines[int(line) - 1].strip() != old:
        raise SystemExit(f"{file}:{line} is not '{old}' any more: leave out --again")
    lines[int(line) - 1] = lines[int(line) - 1].replace(old, new)
    return Mutant(file, kind, int(line), old, new, "".join(lines))


def told(name: str, number: int, alive: list[Mutant], drawn: str, before: int | None = None) -> str:
    """The text of one group: how many were killed, and each that lives, with the reason. before: so
    many when the sample was drawn.
    """
    dead = number - len(alive)
    first = "" if before in (None, dead) else f", {before} before their tests were written"
    lines = [f"{name}: {dead} of {number} killed, {100 * dead / number:.1f} %{first}; {drawn}"]
    for m in sorted(alive, key=lambda m: (m.file, m.line)):
        lines += [f"  {m.file}:{m.line} {m.operator}", f"    - {m.was}", f"    + {m.now}"]
        lines.append(f"    equivalent: {m.reason}" if m.reason else "    a test is missing")
    return "\n".join(lines) + "\n"


def blocks(stored: str) -> dict[str, str]:
    """The text of each group."""
    return {text.partition(":")[0]: text.rstrip() + "\n" for text in stored.split("\n\n") if text}


def with_groups(stored: str, fresh: dict[str, str]) -> str:
    """The stored results with these groups' texts in place of theirs, in the order of GROUPS."""
    every = blocks(stored) | fresh
    return "\n".join(every[name] for name in GROUPS if name in every)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP")
    parser.add_argument("--share", type=float, help="of all mutants; without it a sample")
    parser.add_argument("--seed", type=int, default=SEED, help="of the sample")
    parser.add_argument("--write", action="store_true", help=f"these groups into {RESULTS.name}")
    parser.add_argument("--again", action="store_true", help=f"the living ones of {RESULTS.name}")
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.dont_write_bytecode = True
    import hypothesis  # noqa: F401 - in memory before the first fork
    import jinja2  # noqa: F401
    import numpy  # noqa: F401
    import pytest  # noqa: F401
    import sklearn.linear_model  # noqa: F401

    names = given.groups or GROUPS
    stored = RESULTS.read_text(encoding="utf-8")
    texts = {
        name: again(name, GROUPS[name], blocks(stored)[name])
        if given.again
        else report(name, GROUPS[name], given.share, given.seed)
        for name in names
    }
    print("\n".join(texts.values()))
    if given.write or given.again:
        RESULTS.write_text(with_groups(stored, texts), encoding="utf-8")


if __name__ == "__main__":
    main()
