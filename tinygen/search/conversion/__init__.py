"""The verdict on a conversion: is accuracy lost, and is it worthwhile? `judge.py` measures,
`words.py` tells, `facts.py` is what a model file keeps.
"""

from .facts import conversion_facts, read_conversion
from .judge import Conversion, Decisions, Row, judge_conversion, of_original
from .words import conversion_lines, conversion_sentence, difference_words

__all__ = [
    "Conversion",
    "Decisions",
    "Row",
    "conversion_facts",
    "conversion_lines",
    "conversion_sentence",
    "difference_words",
    "judge_conversion",
    "of_original",
    "read_conversion",
]
