"""Stages hand on values that nobody changes: every dataclass of these modules is frozen."""

import importlib
import pkgutil
from dataclasses import is_dataclass

import pytest
from tinygen.host import check, protocol

import tinygen.model
from tinygen.search import quantization

CHANGES = {"Lights"}  # follows the LEDs from row to row
MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(tinygen.model.__path__, "tinygen.model.")
] + [check, protocol, quantization]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_dataclass_is_frozen(module):
    own = [v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__]
    kinds = {kind for kind in own if isinstance(kind, type) and is_dataclass(kind)}
    thawed = {kind.__name__ for kind in kinds if not kind.__dataclass_params__.frozen}
    assert thawed - CHANGES == set()
    assert any(map(is_dataclass, vars(protocol).values()))
