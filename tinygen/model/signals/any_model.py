"""A model file of any kind: the one door for commands that take a model of rows or of signals."""

from __future__ import annotations

from pathlib import Path

from ..model import Model, from_json
from ..model_file import parse
from ..reading import read_file
from .signal_model import KIND, SignalModel

AnyModel = Model | SignalModel


def load_any(path: Path) -> AnyModel:
    """The model in a JSON file, of rows or of signals; ModelError if it is missing, damaged or of
    another schema.
    """
    return read_file(path, _of_any_kind)


def _of_any_kind(text: str) -> AnyModel:
    plain = parse(text)
    return SignalModel.from_plain(plain) if plain.get("kind") == KIND else from_json(text)
