"""No text from a file becomes code, the compiler is the judge; no model takes the core's names."""

import re
import shutil
import subprocess
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quick import quick_model
from random_models import random_models

from tinygen.codegen.emit import emit_library
from tinygen.codegen.exporters import EXPORTERS
from tinygen.codegen.names import check_prefix, reserved
from tinygen.commands._options import Selection, name_from, name_notes
from tinygen.commands.train import TrainRequest
from tinygen.common import text as texts
from tinygen.common.errors import EmitError, ModelError
from tinygen.common.text import comment, markdown, page
from tinygen.data.prepare import prepare
from tinygen.data.table import load_table
from tinygen.model.model import check_name
from tinygen.report.plots.svg import _for_page

MODELS = random_models()
CORE_NAMES = Path(__file__).parents[2] / "tinygen" / "codegen" / "core_names.txt"
COMPILERS = (("gcc", "-xc", "-std=c99"), ("g++", "-xc++", "-std=c++11"))
# what ends a comment, a line or a string, in any order, among letters of all kinds
PARTS = st.one_of(
    st.sampled_from(["*", "/", "\\", "?", "??/", "\n", "\r", "\t", '"', "'", "#", "\x00", "\x1b"]),
    st.sampled_from(["%:", "<:", "\u202e", "\u2028", "\u2066", "\ufeff", "\ud800", "\u00e9"]),
    st.sampled_from(["int evil=42;", '#include "/etc/passwd"', '.incbin "x"', "@*/", "\\u002a"]),
    st.characters(),
)
# what a text may become besides a comment: an identifier, a string, its length, a fingerprint
NAMED = r'\bLINEAR16_(?:AT|RAW|PHYSICAL|CLASS)_[A-Z0-9_]+\b|"(?:[^"\\]|\\[0-7]{3})*"'
NAMED += r"|(?<=_labels\[8\]\[)\d+|(?<=_labels\[9\]\[)\d+|(?<=_labels\[10\]\[)\d+"
NAMED += "|0x[0-9A-F]{8}UL"
NAMED += (
    r"|(?<=TINYGEN_ONE_MODEL\(linear16, )0x[0-9A-F]{8}"  # follows the labels, as the model id does
)
NAMES = st.lists(PARTS, max_size=12).map("".join)


def with_texts(model, names):
    """The model with `names` wherever text of a file or of a user can stand."""
    name = lambda k: names[k % len(names)]
    inputs = tuple(replace(q, name=name(k), unit=name(k + 1)) for k, q in enumerate(model.inputs))
    metrics = {"mae": 1.5, "float_mae": 1.25}
    training = {"metrics": metrics, "rows_test": name(2), "split": name(3)}
    return replace(
        model,
        inputs=inputs,
        output=replace(model.output, name=name(4), unit=name(5)),
        family=name(6),
        labels=tuple(names),
        training=training,
    )


@lru_cache(maxsize=64)
def tokens(source: str, compiler: tuple[str, ...]) -> str:
    """What is left of a source after the preprocessor took its comments; it must not complain."""
    lines = re.sub(r'^#include "?<?(?!evil)[^\n]*', "", source, flags=re.MULTILINE)
    done = subprocess.run(
        [*compiler, "-trigraphs", "-E", "-P", "-Wall", "-Wextra", "-Wtrigraphs", "-Werror", "-"],
        input=lines.encode("ascii"),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return re.sub(NAMED, "NAMED", done.stdout.decode())


def same_tokens(model, names) -> None:
    """The files of the model have the tokens that they have with harmless names."""
    export = EXPORTERS["library"]
    plain, changed = (
        export(with_texts(model, ["plain"] * len(names))),
        export(with_texts(model, names)),
    )
    for path in plain:
        if path.endswith((".h", ".ino")) and not path.startswith("tinygen_"):
            for compiler in COMPILERS[1:] if path.endswith(".ino") else COMPILERS:
                assert tokens(changed[path], compiler) == tokens(plain[path], compiler), path


@pytest.fixture(scope="module")
def judge():
    if not shutil.which("g++"):
        pytest.skip("g++ is missing: apt install g++")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(NAMES, min_size=7, max_size=9))
def test_no_text_changes_a_token(judge, names):
    same_tokens(MODELS["linear16"], names)


@settings(max_examples=1000, deadline=None)
@given(name=NAMES)
def test_a_comment_holds_only_what_is_allowed(name):
    safe = comment(name)
    assert set(safe) <= texts.ALLOWED and len(safe) <= texts.COMMENT_WIDTH
    assert not any(pair in f"{safe} " for pair in ("*/", "/*", "??"))
    assert bool(safe) == bool(name)


@settings(max_examples=500, deadline=None)
@given(name=NAMES)
def test_markdown_and_pages_stay_in_their_place(name):
    assert "\n" not in markdown(name) and markdown(name).isprintable()
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<`]", markdown(name))
    assert page(name).replace("\n", "").isprintable()


def test_a_plot_shows_what_a_reader_cannot_see():
    drawn = _for_page("<svg ><text>a\u202eb</text></svg>", "plot", "c\x07d")
    assert drawn.isprintable() and r"a\u202eb" in drawn and r"c\x07d" in drawn


@pytest.mark.parametrize("bad", [r"y*\int evil=42;\*", r"a*\b", "*/ int evil; /*", "??/", "\\"])
def test_the_judge_notices_what_gets_through(judge, bad, monkeypatch):
    """Negative control: the filter that replaced pairs before it made a slash of a backslash."""
    old = lambda t: str(t).replace("*/", "* /").replace("\\", "/")
    if old(bad) == bad or "*/" not in old(bad):
        bad = rf"x*\{bad}"
    monkeypatch.setattr("tinygen.codegen.header.comment", old)
    with pytest.raises(AssertionError):
        same_tokens(MODELS["linear16"], [bad] * 7)


def test_the_judge_notices_a_label_that_leaves_its_string(judge, monkeypatch):
    monkeypatch.setattr("tinygen.codegen.units.c_string", lambda text: f'"{text}"')
    with pytest.raises(AssertionError):
        same_tokens(MODELS["linear16"], ['a"}, evil = {"'] * 7)


@pytest.mark.parametrize("name", [r"y*\int evil=42;\*", r"a*\b", r'z*\asm(".incbin \"x\"");\*'])
def test_a_csv_with_such_a_column_trains_and_compiles(judge, name, tmp_path):
    quoted = '"' + name.replace('"', '""') + '"'
    rows = "".join(f"{i},{i % 7},{3 * i + i % 7}\n" for i in range(80))
    (tmp_path / "rows.csv").write_text(f"s1,{quoted},y\n{rows}")
    model = quick_model(prepare(load_table(tmp_path / "rows.csv"), "y"), "ridge", None)
    emit_library(model, tmp_path / "lib")
    source = f'#include "{model.name}.h"\nint main(void) {{ return 0; }}\n'
    for compiler in COMPILERS:
        done = subprocess.run(
            [
                *compiler,
                "-Wall",
                "-Wextra",
                "-Werror",
                "-fsyntax-only",
                "-I",
                tmp_path / "lib",
                "-",
            ],
            input=source.encode(),
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    "text, shown",
    [
        ("Temp\u00e9rature", "Temperature"),
        ("\u6e29\u5ea6", "WenDu"),
        ("\u0432\u043b\u0430\u0433\u0430", "vlaga"),
        ("\u00b5g/m\u00b3", "ug/m3"),
        ("\u00b0C", "degC"),
        ("k\u03a9", "kOhm"),
        ("CO\u2082", "CO2"),
        (r"a*\b", "a* /b"),
        ("PT08.S1(CO)", "PT08.S1(CO)"),
        ("\x07", "?"),
        ("", ""),
    ],
)
def test_names_stay_readable(text, shown):
    assert comment(text) == shown


# ---- names of models ----


def names_of_the_core(toolchain) -> set[str]:
    """What would meet a header or a macro of the installed core: found by the include path, or
    with a suffix of ours.
    """
    gcc = toolchain.avr_gcc.parent.parent
    places = [
        *toolchain.avr_core.glob("cores/*"),
        *toolchain.avr_core.glob("variants/*"),
        *toolchain.avr_core.glob("libraries/*/src"),
        *gcc.glob("avr/include"),
        *gcc.glob("lib/gcc/avr/*/include*"),
    ]
    headers = [path for place in places for path in place.glob("*.h")]
    macro = re.compile(r"#\s*define\s+(\w+?)_(?:H|INPUTS|MODEL_ID|THRESHOLD|VECTORS(?:_H)?)\b")
    below = [*headers, *(path for place in places for path in place.glob("*/*.h"))]
    taken = {name for path in below for name in macro.findall(path.read_text(errors="replace"))}
    return {path.stem.lower() for path in headers} | {
        name.lower() for name in taken if re.fullmatch(r"[A-Z][A-Z0-9_]*", name)
    }


def test_every_name_of_the_installed_core_is_known(toolchain, request):
    found = names_of_the_core(toolchain)
    assert {
        "arduino",
        "binary",
        "print",
        "stream",
        "string",
        "stdio",
        "sreg",
        "num_analog",
    } <= found
    if request.config.getoption("--update-golden"):
        title = "# Headers and macros of the Arduino AVR core, avr-libc and GCC, in lower case.\n"
        CORE_NAMES.write_text(title + "".join(f"{name}\n" for name in sorted(found)))
        reserved.cache_clear()
    assert found <= reserved()


@pytest.mark.parametrize(
    "name", ["binary", "Print", "Stream", "PRINT", "SREG", "num_analog", "Wire", "math", "servo"]
)
def test_names_of_the_core_are_refused_in_one_line(name):
    with pytest.raises(EmitError, match="--name") as raised:
        check_prefix(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["benzene", "co2", "power", "delay", "F", "A0", "PORTB", "pumpe"])
def test_other_names_are_not(name):
    assert check_prefix(name) == name


@pytest.mark.parametrize(
    "file, name",
    [
        ("servo.json", "servo_model"),
        ("Print.json", "Print_model"),
        ("int.v2.json", "int_model"),
        ("tinygen.json", "m_tinygen"),
        ("tinygen_fixed_and_much_more_than_31.json", "m_tinygen_fixed_and_much_more_th"[:31]),
        ("2.json", "m_2"),
        ("__x.json", "x"),
        ("__int.json", "int_model"),
        (".json", "my_model"),
        ("benzene.json", "benzene"),
        ("_own.json", "_own"),
    ],
)
def test_a_name_made_from_a_file_is_always_good_and_a_change_is_said(file, name):
    out = Path(file)
    assert name_from(out) == name
    assert check_prefix(check_name(name)) == name
    said = name_notes(None, out)
    assert len(said) == (name not in ("benzene", "_own"))
    assert not said or (f"'{name}'" in said[0] and "\n" not in said[0])
    assert name_notes("mine", out) == ()


def test_every_reserved_word_gives_a_good_name():
    for word in sorted(reserved()):
        check_prefix(check_name(name_from(Path(f"{word}.json"))))


def test_a_name_that_was_given_stays_refused(tmp_path):
    for request in (
        TrainRequest(Selection(tmp_path / "x.csv", "y"), tmp_path / "m.json", name="servo"),
        TrainRequest(Selection(tmp_path / "x.csv", "y"), tmp_path / "m.json", name="2"),
    ):
        with pytest.raises((EmitError, ModelError), match="--name"):
            request.c_name()
