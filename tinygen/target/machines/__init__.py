"""Machines that a header is proven on: compilers and simulators that others wrote.

    MACHINES["stm8"].missing()                       "" or what to install
    MACHINES["stm8"].answers(model, rows).values     what the header answers there
    MACHINES["stm8"].cost(model)                     flash, RAM, cycles

One entry of `registry` adds a machine. `rows` has the rows that are worth asking.
"""

from .machine import AvrMachine, Machine, MachineCost, StreamMachine
from .registry import MACHINES
from .rows import proof_rows

__all__ = ["MACHINES", "AvrMachine", "Machine", "MachineCost", "StreamMachine", "proof_rows"]
