"""Tables of text are never cut, whatever their cells hold."""

from tinygen.common.tables import table


def test_a_long_cell_stays_whole():
    why, name = "cycles 0.16 over 0.03 of another; " * 20, "n" * 300
    text = table(["name", "why", "cycles"], [[name, why, 1234], ["short", "", 5]])
    lines = text.splitlines()
    assert lines[1].startswith(name) and why.rstrip() in lines[1] and lines[1].endswith("1,234")
    assert len(lines) == 3 and lines[2].endswith("5")
