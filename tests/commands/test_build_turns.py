"""Builds into one folder take turns: nobody changes the sources under another's compiler."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinygen.codegen import emit
from tinygen.commands import build
from tinygen.target import build as compiling

MODEL = Path(__file__).parent.parent / "golden" / "house" / "power-regression.json"


@pytest.mark.parametrize("folders, turns", [(("one", "one"), True), (("one", "two"), False)])
def test_two_builds_at_once(folders, turns, tmp_path, monkeypatch):
    """Negative control: builds into two folders do overlap."""
    told = []

    def step(name: str, folder: Path) -> None:
        told.append(f"{name} begins")
        time.sleep(0.3)
        told.append(f"{name} ends")

    def emitted(model, out, *more):
        step("sources", out)
        return SimpleNamespace(directory=out)

    monkeypatch.setattr(emit, "emit_project", emitted)
    monkeypatch.setattr(compiling, "build_firmware", lambda project, *more: step("build", project))
    monkeypatch.setattr(build._Plan, "save_manifest", lambda self, *of: None)  # of no firmware
    threads = [
        threading.Thread(target=build.build, args=(MODEL, "uno", tmp_path / folder))
        for folder in folders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one = ["sources begins", "sources ends", "build begins", "build ends"]
    assert sorted(told) == sorted(one * 2)
    assert (told == one * 2) == turns
