"""C programs for the virtual board."""

import pytest
from avr_program import BAUDS, compile_avr


@pytest.fixture(scope="session")
def program(simavr, tmp_path_factory):
    """`program(source, board, **defines)` gives an ELF."""
    folder = tmp_path_factory.mktemp("avr programs")  # with a blank in its path
    return lambda source, board, **defines: compile_avr(
        simavr.avr_gcc, folder, source, board, **defines
    )


@pytest.fixture
def echo(program):
    """`echo(board, baud, **defines)` gives the ELF of the echo program."""

    def build(board, baud=115200, **defines):
        ubrr, u2x = BAUDS[baud]
        return program("echo.c", board, UBRR=ubrr, U2X=u2x, **defines)

    return build
