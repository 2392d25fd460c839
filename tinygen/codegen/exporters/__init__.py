"""What a model can be written as: one file per exporter.

    EXPORTERS[name]: model -> {path: text}

A file in this folder is found without a list; it defines `export(model, board=None)`, and its name
is the exporter's, with a dash for each underscore.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

Exporter = Callable[..., dict[str, str]]


def discover() -> dict[str, Exporter]:
    """The exporters of this folder, by name."""
    names = sorted(module.name for module in iter_modules(__path__))
    return {n.replace("_", "-"): import_module(f"{__name__}.{n}").export for n in names}


EXPORTERS: dict[str, Exporter] = discover()
