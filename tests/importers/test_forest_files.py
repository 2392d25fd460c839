"""Files of LightGBM that were cut: treelite reads the trees that are left, another model."""

import re

import needs
import pytest
from sklearn.datasets import load_iris

from tinygen.common.errors import ModelError
from tinygen.importers.files import open_model

try:
    import lightgbm
    import treelite  # noqa: F401
except ImportError:
    needs.unavailable("lightgbm or treelite is missing: pip install 'tinygen[test]'")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("Tree=4", "is cut, with 4 trees of 6"),
        ("Tree=0", "is cut, with 0 trees of 6"),
        ("end of trees", "is cut, with 6 trees of 6"),
    ],
)
def test_a_file_that_was_cut_is_refused(end, words, tmp_path):
    x, y = load_iris(return_X_y=True)
    forest = lightgbm.LGBMClassifier(n_estimators=2, max_depth=3, verbose=-1, n_jobs=1).fit(x, y)
    text, path = forest.booster_.model_to_string(), tmp_path / "forest.txt"
    path.write_text(text[: text.index(end)])
    with pytest.raises(ModelError, match=words) as told:
        open_model(path)
    assert "\n" not in str(told.value)
    path.write_text(text)
    assert open_model(path).floats.kind == "LightGBM"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("num_leaves", "-3", "num_leaves is below 0"),  # without end
        ("left_child", "-999999", "a leaf that there is not"),  # ends the process
    ],
)
def test_numbers_below_0_are_refused(key, value, words, tmp_path):
    x, y = load_iris(return_X_y=True)
    forest = lightgbm.LGBMRegressor(n_estimators=1, verbose=-1, n_jobs=1).fit(x, y)
    path = tmp_path / "forest.txt"
    text = forest.booster_.model_to_string()
    path.write_text(re.sub(rf"^{key}=\S+", f"{key}={value}", text, count=1, flags=re.MULTILINE))
    with pytest.raises(ModelError, match=words):
        open_model(path)
