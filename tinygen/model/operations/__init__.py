"""The operations: one file each, with a template of the same name in templates/operations.

A file in this folder is found without a list. It defines a frozen dataclass under `@operation`
(`model/nodes.py`), its views (`model/views.py`), and kernels that it shares with others under
`@fused`.
"""

from importlib import import_module
from pkgutil import iter_modules


def discover() -> None:
    """Registers every operation of this folder."""
    for module in sorted(module.name for module in iter_modules(__path__)):
        import_module(f"{__name__}.{module}")


discover()
