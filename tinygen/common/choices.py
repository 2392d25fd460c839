"""Words that options may take, where the command line and the library must agree; light enough for
tab completion.
"""

TASKS = ("auto", "regression", "classification")
OPTIMIZE = ("balanced", "size", "speed")  # what C may be written for
SPLITS = ("random", "time")  # test on random rows, or on the last ones
TEACHERS = ("forest", "boosting")  # large models that `distil` trains on the spot
DATE_ORDERS = ("day", "month")  # what comes first in a date such as 07/02/2025
GUARDS = ("mahalanobis", "box")  # families that learn what is usual, without a target
