"""One flipped bit of the tables in flash: the board refuses to answer, and the host to listen."""

import pytest
from elftools.elf.elffile import ELFFile
from test_loop import BAUDS, MODEL, firmware, rows_of  # noqa: F401 - a fixture
from tinygen.host import protocol
from tinygen.host.link import open_link
from tinygen.host.protocol import Code, Foreign, Refusal
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.chain import constant_bytes
from tinygen.common.errors import LinkError

BOTH = pytest.mark.parametrize("board_id", BAUDS)
ROWS = {"commit": 500, "release": 10_000}
VECTOR_BYTES = {"uno": 26 * 4, "megaatmega2560": 57 * 4}


def table_places(elf, board_id) -> range:
    """Addresses in flash of all constant tables: the model's, and the few of the firmware and of
    Arduino beside them.

    Optimized across files, the tables have no names of their own; but avr-gcc's linker script puts
    them all between the interrupt vectors and the code.
    """
    with open(elf, "rb") as file:
        symbols = {
            s.name: s["st_value"]
            for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols()
        }
    return range(VECTOR_BYTES[board_id], symbols["__ctors_start"])


def first_words(board: SimBoard, question: bytes, seconds: float = 0.2) -> list:
    """What a board says after a reset, and to a question."""
    board.reset()
    board.discard_input()
    decoder, said = protocol.Decoder(protocol.model_seed(MODEL.model_id)), []
    info_bytes = protocol.frame_bytes(protocol.INFO.size)
    said += decoder.process(board.read(info_bytes, int(seconds * 16e6)))
    board.write(question(said[0].session) if said else b"")
    said += decoder.process(board.read(100, int(0.003 * 16e6)))
    return [protocol.parse(event) for event in said if isinstance(event, protocol.Frame)]


def refuses(board: SimBoard) -> bool:
    """True if the board says that it is corrupt, refuses a row and stays dark. Its INFO may be
    nonsense: it has tables as well.
    """
    row = [0] * len(MODEL.inputs)
    said = first_words(
        board,
        lambda session: protocol.encode_row(session, 5, row, protocol.model_seed(MODEL.model_id)),
    )
    return (
        len(said) == 2
        and (isinstance(said[0], Foreign) or protocol.Trait.CORRUPT in said[0].traits)
        and isinstance(said[1], Refusal)
        and said[1].code == Code.MODEL_CORRUPT
        and board.leds() == (0, 0)
    )


TRAITS_AT = 1 + 1 + 4 + 1  # in INFO on the wire: behind 00, key, head and protocol


def says_corrupt(board: SimBoard) -> bool:
    """True if the boot check failed: the first bytes of INFO, which take most of their time less
    than the whole and a row.
    """
    board.reset()
    board.discard_input()
    start = board.read(TRAITS_AT + 1, 16_000_000)
    return bool((start[TRAITS_AT] ^ start[1]) & protocol.Trait.CORRUPT) and board.leds() == (0, 0)


@BOTH
def test_every_bit_of_the_tables(firmware, figures, level, board_id):  # noqa: F811
    """One flipped bit of a table in flash, each of them: the board says so, LEDs dark; one of each
    byte's also refuses a row. On the Mega a commit flips that one alone.
    """
    some = level == "commit" and board_id != "uno"
    flipped = 0
    board, elf = firmware(board_id)
    places = table_places(elf, board_id)
    assert len(places) >= constant_bytes(MODEL)
    with SimBoard(board, elf) as simulated:
        assert not refuses(simulated) and not says_corrupt(simulated)
        for place in places:
            right = simulated.read_flash(place, 1)
            for bit in (place % 8,) if some else range(8):
                flipped += 1
                simulated.write_flash(place, bytes((right[0] ^ 1 << bit,)))
                assert refuses(simulated) if bit == place % 8 else says_corrupt(simulated), (
                    place,
                    bit,
                )
            simulated.write_flash(place, right)
        assert not refuses(simulated) and not says_corrupt(simulated)
    figures(
        f"flash bits, {board_id}",
        f"{flipped:,} bits of the tables in flash flipped one by one, all refused",
    )


def test_a_flipped_bit_is_believed_without_the_check(firmware):  # noqa: F811
    """Negative control."""
    board, elf = firmware(
        "uno", {"corrupt = !image_intact()": "corrupt = (!image_intact() && false)"}
    )
    place = table_places(elf, "uno")[0]
    with SimBoard(board, elf) as simulated:
        simulated.write_flash(place, bytes((simulated.read_flash(place, 1)[0] ^ 1,)))
        assert not refuses(simulated) and not says_corrupt(simulated)


def test_the_host_refuses_a_corrupt_board(firmware):  # noqa: F811
    board, elf = firmware("uno")
    with open_link(avr_url("uno", elf), MODEL, board) as link:
        place = table_places(elf, "uno")[3]
        link.port.board.write_flash(place, bytes((link.port.board.read_flash(place, 1)[0] ^ 4,)))
        link.port.board.reset()
        with pytest.raises(LinkError, match="its model's table in flash is corrupt"):
            list(stream(link, rows_of(5).tolist()))
