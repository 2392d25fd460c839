"""From a file to integer rows. The room's doors: a table is read, then prepared as a data set."""

from .dataset import Dataset, Provenance, Rows, Split
from .derived import as_trained
from .model_rows import require_units, rows_for
from .prepare import prepare, readings
from .splits import folds
from .table import Table, load_table, load_tables, read_table

__all__ = [
    "Dataset",
    "Provenance",
    "Rows",
    "Split",
    "Table",
    "as_trained",
    "folds",
    "load_table",
    "load_tables",
    "prepare",
    "read_table",
    "readings",
    "require_units",
    "rows_for",
]
