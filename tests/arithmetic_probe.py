"""Prints a digest of float routines, and the ids of models of the families that use them most.

python arithmetic_probe.py [models]
"""

import hashlib
import sys

import numpy as np
import scipy.linalg
import scipy.special
from family_models import fitted_model, street


def digest(*arrays) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def routines() -> str:
    """Element by element, sums, products in both precisions, decompositions."""
    rng = np.random.default_rng(0)
    x, a = rng.normal(size=20_000), rng.normal(size=(300, 40))
    single = a.astype(np.float32)
    square = a.T @ a
    return digest(
        np.exp(x),
        np.log(np.abs(x)),
        np.abs(x) ** 0.37,
        np.tanh(x),
        np.cbrt(x),
        np.exp(single),
        x @ x,
        square,
        single.T @ single,
        np.linalg.solve(square, a[0]),
        np.linalg.inv(square),
        scipy.linalg.cholesky(square),
        scipy.special.softmax(a, axis=1),
    )


if __name__ == "__main__":
    print(routines())
    if "models" in sys.argv:
        for family, task in (
            ("ridge", "regression"),
            ("polynomial", "regression"),
            ("mlp", "regression"),
            ("logistic", "classification"),
            ("mlp_classifier", "classification"),
        ):
            print(family, f"{fitted_model(family, street(task), 0.0).model_id:08x}")
