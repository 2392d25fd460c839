"""Somebody's fitted model becomes an integer model. The room's door: `convert`.

A reader (`readers/`) turns an estimator into a `FloatModel`: steps over a vector of floats. These
are simplified, then lowered to nodes of the integer model, with the rows as calibration.
"""

from .convert import Converted, convert, converted, converted_each

__all__ = ["Converted", "convert", "converted", "converted_each"]
