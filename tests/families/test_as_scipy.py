"""The cross-entropy's own softmax and logsumexp, and the Newton step of a net: SciPy's, bit for
bit.
"""

import numpy as np
import pytest
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp, softmax

from tinygen.fitting.class_scores import UNSEEN, shares_and_totals
from tinygen.fitting.nets.gauss_newton import newton_step


@pytest.mark.parametrize("seed", range(300))
def test_shares_and_totals_are_scipys(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 60), rng.integers(1, 12)
    values = rng.normal(size=shape) * 10.0 ** rng.integers(-3, 5)
    values = np.round(values) if seed % 3 == 0 else values  # with several largest ones
    values = np.asfortranarray(values) if seed % 5 == 0 else values
    values[:, 0] = UNSEEN if seed % 7 == 0 else values[:, 0]
    shares, totals = shares_and_totals(values)
    assert shares.tobytes() == softmax(values, axis=1).tobytes()
    assert totals.tobytes() == logsumexp(values, axis=1).tobytes()


@pytest.mark.parametrize("size", range(1, 40))
def test_a_newton_step_is_scipys(size):
    rng = np.random.default_rng(size)
    a, gradient = rng.normal(size=(size, size + 3)), rng.normal(size=size)
    wanted = cho_solve(cho_factor(a @ a.T), gradient)
    assert newton_step(a @ a.T, gradient).tobytes() == wanted.tobytes()
    assert newton_step(a @ a.T - 1e6 * np.eye(size), gradient) is None
