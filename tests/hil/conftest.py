"""The plugin's fixtures with a model of ours in the place of a project's model.json."""

from dataclasses import replace

import numpy as np
import pytest
from random_models import random_models


@pytest.fixture(scope="session")
def model():
    """A linear model with a threshold in the middle of its answers."""
    chosen = random_models()["linear16"]
    return replace(chosen, threshold=int(np.median(chosen.predict(chosen.sample_rows(401, 3)))))
