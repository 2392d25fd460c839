"""What a search says while it runs."""

import re
from itertools import permutations

from search_rows import made_up

from tinygen.search.cross_validation import best_so_far

LOSSES = {"ridge": (4.0, 8.0), "tree": (3.0, 9.0), "mlp": (5.0, 5.0)}  # of two folds


def test_the_best_so_far_never_gets_worse():
    """In whatever order the folds come; a job counts when all its folds are done."""
    dataset = made_up()
    steps = [((name, 0), cut) for name in LOSSES for cut in (0, 1)]
    for order in permutations(steps):
        found, said = {}, []
        for job, cut in order:
            found[job, cut] = ([LOSSES[job[0]][cut]], None)
            said.append(best_so_far(found, dataset, 2))
        errors = [float(re.search(r"with ([\d.]+)", text)[1]) for text in said if text]
        assert said[0] == "" and "mlp" in said[-1]
        assert errors and errors == sorted(errors, reverse=True)
