"""Graphs in files: converted as the command does it, and asked in C."""

from pathlib import Path

import numpy as np
import pytest
from many_headers import answers_in_c
from on_chip import wrong_on_chip

from tinygen.importers.calibration import dataset_of, physical
from tinygen.importers.convert import converted
from tinygen.importers.files import open_model


def convert_once(known: dict, file: str, data: bytes, rows, folder):
    """(opened, Converted, physical rows on the inputs' grid) of a file's bytes; kept in `known`."""
    name = file.rpartition(".")[0]
    if name not in known:
        path = Path(folder) / file
        path.write_bytes(data)
        opened = open_model(path)
        dataset = dataset_of(rows, opened.floats.inputs, None)
        found = converted(opened.floats, dataset, "case", reference=opened.predict)
        known[name] = opened, found, physical(dataset.inputs, dataset.x)
    return known[name]


def assert_c_answers(known: dict, folder, level: str) -> None:
    """The C of every model in `known`, on all its rows and on corners of its ranges; with the level
    "release" on the simulated chip as well.
    """
    if not known:
        pytest.skip("run with the tests above")
    models = [found.model for _, found, _ in known.values()]
    rows = [
        np.vstack([found.dataset.x[:, list(found.columns)], found.model.sample_rows(40)])
        for _, found, _ in known.values()
    ]
    for name, model, some, told in zip(known, models, rows, answers_in_c(models, rows, folder)):
        assert np.array_equal(told, model.predict(some)), name
    if level == "release":
        assert wrong_on_chip(models, rows) == []
