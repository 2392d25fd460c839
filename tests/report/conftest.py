"""One report for all tests of the page."""

import hashlib
import pickle

import pytest
from page_files import made_report, station, trained
from page_reader import Page

from tinygen.data.audit import audit
from tinygen.report.dossier import gather as gathering
from tinygen.report.dossier.gather import gather
from tinygen.report.page.html import render


@pytest.fixture(scope="session", autouse=True)
def each_table_audited_once():
    """Pages of the same rows and choices share their audit, a second each time; what it finds is
    tested in tests/data.
    """
    known = {}

    def audited(table, *arguments, progress, **choices):
        asked = pickle.dumps((table, arguments, sorted(choices.items())))
        key = hashlib.sha256(asked).hexdigest()
        if key not in known:
            known[key] = audit(table, *arguments, progress=progress, **choices)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "audit", audited)
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    note = folder / "note.txt"
    note.write_text("Mounted at the north wall.\n- Ask Kim before moving it.\n", encoding="utf-8")
    return made_report(folder, note=note)


@pytest.fixture(scope="session")
def made_with_board(simavr, tmp_path_factory):
    """A page with its board, and the model that it shows."""
    return made_report(tmp_path_factory.mktemp("page"), with_board=True)


@pytest.fixture(scope="session")
def page(made) -> Page:
    return Page(made.page.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def with_board(simavr, tmp_path_factory, level) -> list[str]:
    """A page with the board in it, for a release two, built one after the other; a column has a
    hostile name.
    """
    folder = tmp_path_factory.mktemp("board")
    csv = station(
        folder / "rows.csv",
        header=("Date", "</script><script>alert(1)</script>", "b", "c", "gas"),
        rows=300,
    )
    path, _ = trained(folder, csv)
    return [render(gather(path, csv)) for _ in range(2 if level == "release" else 1)]
