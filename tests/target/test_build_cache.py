"""Compiled files that builds share: the same bytes, nothing stale, nothing in the way."""

import json
import os
import shutil
import threading
import time
from types import SimpleNamespace

import pytest
from SCons.CacheDir import CacheDir
from sketch_project import SKETCH, UNO, write_project

from tinygen.target import avr_gcc
from tinygen.target import build as b
from tinygen.target import platformio_core as core


@pytest.fixture
def kept(toolchain, tmp_path, monkeypatch):
    """Compiled files of this test alone, in a place with a space in its name."""
    folder = tmp_path / "compiled files" / "platformio-1"
    monkeypatch.setattr(avr_gcc, "build_cache", lambda _, *rest: core.build_cache(folder, *rest))


def sketch_in(folder, sketch=SKETCH) -> bytes:
    """The program of a sketch; its empty twin would go the same way."""
    return b.build_program(write_project(folder, sketch).directory, UNO).read_bytes()


def test_a_second_project_takes_what_the_first_compiled(kept, tmp_path, monkeypatch):
    """All of it where it is the same; a changed sketch is compiled."""
    logs = []
    original = avr_gcc.run
    monkeypatch.setattr(avr_gcc, "run", lambda *a: logs.append(original(*a)) or logs[-1])
    first, second = sketch_in(tmp_path / "one"), sketch_in(tmp_path / "two")
    assert first == second
    compiled, taken = (log.text.count("Compiling ") for log in logs), logs[1].text
    assert next(compiled) > 20 and next(compiled) == 0 and taken.count("Retrieved `") > 20
    changed = sketch_in(tmp_path / "changed", SKETCH.replace("& 63", "& 31"))
    third = sketch_in(tmp_path / "three")
    assert first == third != changed


def test_two_builds_at_once_share_an_empty_folder(kept, tmp_path):
    made = {}
    workers = [
        threading.Thread(target=lambda name=name: made.update({name: sketch_in(tmp_path / name)}))
        for name in ("one", "two")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert made["one"] == made["two"]


def test_scons_finds_its_settings_in_a_new_folder_and_in_one_without(places):
    """SCons 4.11 makes them as a new file: the second of two builds at once would fail."""
    for _ in range(2):
        folder = core.build_cache(**vars(places))
        settings = folder / "config"
        made = settings.stat().st_mtime_ns
        cache = CacheDir(str(folder))
        assert cache.config == {"prefix_len": 2} == json.loads(settings.read_text())
        assert settings.stat().st_mtime_ns == made
        settings.unlink()


def test_a_file_that_another_build_renames_is_no_reason_to_compile_anew(places):
    folder = core.build_cache(**vars(places))
    (folder / "ab").symlink_to("gone")
    assert core.build_cache(**vars(places)) == folder


@pytest.fixture
def places(tmp_path):
    """A core folder, a compiler and a project, as files only."""
    gcc = tmp_path / "gcc" / "bin" / "avr-gcc"
    gcc.parent.mkdir(parents=True)
    gcc.write_text("7.3.0")
    write_project(tmp_path / "project")
    return SimpleNamespace(
        core_dir=tmp_path / "cache" / "platformio-1", avr_gcc=gcc, directory=tmp_path / "project"
    )


def test_what_scons_does_not_see_gives_another_folder(places, tmp_path):
    folders = [core.build_cache(**vars(places))]
    assert core.build_cache(**vars(places)) == folders[0]
    places.avr_gcc.write_text("7.3.0-2")
    folders.append(core.build_cache(**vars(places)))
    (places.directory / "src" / "seal.py").write_text("pass")
    folders.append(core.build_cache(**vars(places)))
    places.core_dir = places.core_dir.with_name("platformio-2")
    folders.append(core.build_cache(**vars(places)))
    assert len(set(folders)) == 4 and None not in folders


def test_unused_files_and_left_locks_are_deleted(places):
    folder = core.build_cache(**vars(places))
    names = ("config", "config.lock", "CACHEDIR.TAG", "ab", "cd")
    for name in names:
        (folder / name).write_text("x")
    old = time.time() - core.UNUSED_SECONDS - 1
    for name in ("config", "config.lock", "CACHEDIR.TAG", "ab"):
        os.utime(folder / name, (old, old))
    core.build_cache(**vars(places))
    assert sorted(path.name for path in folder.iterdir()) == ["CACHEDIR.TAG", "cd", "config"]


def test_a_folder_that_cannot_be_written_is_not_used(places, monkeypatch):
    folder = core.build_cache(**vars(places))
    monkeypatch.setattr(core.os, "access", lambda path, mode: path != folder)
    assert core.build_cache(**vars(places)) is None
    shutil.rmtree(folder.parent)
    folder.parent.write_text("a file in its place")
    assert core.build_cache(**vars(places)) is None
