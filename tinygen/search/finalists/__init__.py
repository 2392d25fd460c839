"""Finalists: the candidates of a search that are lowered and measured."""

from .measure import Finalists, Progress
from .request import SearchRequest

__all__ = ["Finalists", "Progress", "SearchRequest"]
