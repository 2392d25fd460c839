"""A bound of the cycles and the stack of a model on a classic AVR, from its linked code alone.

    cycle_bound(Path("bare.elf"), "atmega328p")     CycleBound, or Unbounded with the reason

The code between the marks 1 and 2 is walked with all inputs unknown (Cousot and Cousot, 1977):
registers, flags and bytes of RAM are known, one of a set, or unknown. Loops are walked round by
round, and of two ways the longer one counts. Taken for granted: between functions r1 is 0; a store
through a pointer of which nothing is known hits no saved register and no return address; addresses
of rows and of the stack are compared with each other only. All three hold for what GCC makes of C
that leaves no array.
"""

from .state import Unbounded
from .walk import CycleBound, cycle_bound

__all__ = ["CycleBound", "Unbounded", "cycle_bound"]
