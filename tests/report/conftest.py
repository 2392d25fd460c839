"""One report for all tests of the page."""

import pytest
from page_files import made_report, station, trained
from page_reader import Page

from tinygen.report.dossier.gather import gather
from tinygen.report.page.html import render


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    note = folder / "note.txt"
    note.write_text("Mounted at the north wall.\n- Ask Kim before moving it.\n", encoding="utf-8")
    return made_report(folder, note=note)


@pytest.fixture(scope="session")
def page(made) -> Page:
    return Page(made.page.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def with_board(simavr, tmp_path_factory) -> list[str]:
    """Two pages with the board in it, built one after the other; a column has a hostile name."""
    folder = tmp_path_factory.mktemp("board")
    csv = station(
        folder / "rows.csv",
        header=("Date", "</script><script>alert(1)</script>", "b", "c", "gas"),
        rows=300,
    )
    path, _ = trained(folder, csv)
    return [render(gather(path, csv)) for _ in range(2)]
