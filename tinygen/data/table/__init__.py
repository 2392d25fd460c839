"""Tables as read from files, before anything is chosen: one file, several, or a folder of them."""

from .loading import load_table, load_tables
from .reading import read_table
from .table import Table, known_as, number_words, require_column, require_finite, require_numbers
from .unread_times import require_times

__all__ = [
    "Table",
    "known_as",
    "load_table",
    "load_tables",
    "number_words",
    "read_table",
    "require_column",
    "require_finite",
    "require_numbers",
    "require_times",
]
