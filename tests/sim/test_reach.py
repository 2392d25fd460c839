"""Tables beyond the first 64 KB of a Mega's flash: kept in reach, or refused; never misread."""

import pytest
from every_model import Compiler, compiled, program, variants, wrong_answers
from random_models import random_models
from tinygen.host import protocol
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import emit_project, render_header, runtime
from tinygen.common.boards import BOARDS
from tinygen.common.errors import CheckError, DoesNotFit
from tinygen.target.avr_gcc import compile_project
from tinygen.target.bare import BareChip

MEGA = BOARDS["megaatmega2560"]
MODELS = variants(
    [random_models()[name] for name in ("linear16", "squares", "lookup_fine")], ["balanced"]
)
TABLES = """
#include "tinygen_fixed.h"
#define TABLE(k) const uint8_t other_##k[30000] {place} __attribute__((used)) = {{k, 1, 2, 3}};
TABLE(1) TABLE(2) TABLE(3)
"""
OTHERS, OURS = TABLES.format(place="PROGMEM"), TABLES.format(place="TINYGEN_ROM")


def answers(texts, simavr, folder, place: str) -> dict[str, tuple[int, int]]:
    """Wrong answers of the program with 90,000 bytes of tables in front of the models'."""
    one = Compiler(simavr.avr_gcc, simavr.gcc_version)
    if place == "same file":
        texts = texts | {"main.c": texts["others.c"] + texts["main.c"]}
        return wrong_answers(compiled(texts, one, "c", ["-Os"], MEGA, folder), MODELS, MEGA)
    return wrong_answers(compiled(texts, one, "c", ["-Os", "others.c"], MEGA, folder), MODELS, MEGA)


@pytest.mark.parametrize("place", ["same file", "file before"])
def test_large_tables_of_others_do_not_push_ours_out_of_reach(place, simavr, tmp_path):
    assert answers(program(MODELS) | {"others.c": OTHERS}, simavr, tmp_path, place) == {}


def test_without_a_place_of_their_own_the_tables_would_be_misread(simavr, tmp_path):
    """Negative control: PROGMEM, as in a sketch; and no check."""
    headers = {
        name: text.replace(
            '__attribute__((__section__(".progmem.gcc_tinygen")))', "PROGMEM"
        ).replace("<= 0x10000UL", "!= 0UL")
        for name, text in runtime().items()
    }
    assert headers != runtime()
    texts = program(MODELS) | headers | {"others.c": OTHERS}
    assert answers(texts, simavr, tmp_path, "file before")


@pytest.mark.parametrize("place", ["same file", "file before"])
def test_more_tables_of_ours_than_can_be_read_are_refused_by_the_self_test(place, simavr, tmp_path):
    found = answers(program(MODELS) | {"others.c": OURS}, simavr, tmp_path, place)
    assert {name: wrong for name, (wrong, _) in found.items()} == {
        model.name: 32 for model in MODELS
    }


def test_a_model_beyond_reach_is_refused_where_it_is_compiled(simavr):
    model = random_models()["linear16"]
    header = OURS.replace('#include "tinygen_fixed.h"', render_header(model))
    with pytest.raises(
        DoesNotFit, match=r"constant tables up to byte .* first 65536 only"
    ) as raised:
        BareChip(model, MEGA, header)
    assert "\n" not in str(raised.value)


def far_project(folder):
    """The firmware of a small model that carries 90,000 bytes of tables of ours."""
    project = emit_project(random_models()["linear16"], folder, [MEGA])
    (folder / "src" / "others.cpp").write_text(
        OURS.replace("const uint8_t", "extern const uint8_t")
    )
    return project


def test_a_firmware_beyond_reach_is_refused_when_built_and_refuses_rows_itself(simavr, tmp_path):
    project = far_project(tmp_path)
    with pytest.raises(
        CheckError, match=r"program has constant tables up to byte .* first 65536 only"
    ) as raised:
        compile_project(project.directory, MEGA, simavr, lambda text: None)
    assert "\n" not in str(raised.value)
    elf = project.directory / ".pio" / "build" / MEGA.pio_id / "firmware.elf"
    assert protocol.Trait.CORRUPT in hello(elf, project.model).traits


def hello(elf, model) -> protocol.Info:
    """What the board says of itself after a reset."""
    decoder = protocol.Decoder(protocol.model_seed(model.model_id))
    with SimBoard(MEGA, elf) as board:
        said = decoder.process(board.read(protocol.frame_bytes(protocol.INFO.size), 32_000_000))
    return protocol.parse(said[0])
