"""Tiny trained integer models for 8-bit Arduinos, checked row by row over serial.

from tinygen import TinyRegressor

model = TinyRegressor(max_flash=450).fit(X, y)
model.export("benzene/")
"""

__version__ = "0.1.0"
__all__ = ["TinyClassifier", "TinyRegressor", "__version__", "convert", "distil"]


def __getattr__(name: str):
    """`tinygen.TinyRegressor`, `tinygen.TinyClassifier`, `convert` and `distil`; scikit-learn is
    imported only when one is asked for.
    """
    if name in ("TinyRegressor", "TinyClassifier"):
        from .search import estimators

        return getattr(estimators, name)
    if name == "convert":
        from .importers import convert

        return convert
    if name == "distil":
        from .search.distillation import distil

        return distil
    raise AttributeError(f"module 'tinygen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
