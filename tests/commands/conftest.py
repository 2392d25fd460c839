"""A command line, and a folder with tables and a trained model in it."""

import shlex
from types import SimpleNamespace

import pytest
from cli_files import FILES, QUICK, table

from tinygen import cli
from tinygen.model.model import load


@pytest.fixture
def run(capsys, monkeypatch):
    """`run("train rows.csv ...")`: exit code, stdout and stderr of a command."""
    monkeypatch.delenv("TINYGEN_TRACEBACK", raising=False)

    def command(line: str) -> SimpleNamespace:
        with pytest.raises(SystemExit) as end:
            cli.main(shlex.split(line))
        out, err = capsys.readouterr()
        assert (
            "\x1b" not in out + err and "\r" not in out + err
        )  # no terminal, no colours, no moving lines
        return SimpleNamespace(code=end.value.code, out=out, err=err)

    return command


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder with a few tables in it."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "a folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def trained(simavr, tmp_path_factory):
    """Folder of a model and its firmware for the Uno, made once by the command line."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "rows.csv").write_text(table())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in (f"{QUICK} -o gas.json", "build gas.json --board uno -o firmware"):
            with pytest.raises(SystemExit) as end:
                cli.main(shlex.split(line))
            assert end.value.code == 0, line
    return SimpleNamespace(
        folder=folder,
        model=load(folder / "gas.json"),
        elf=folder / "firmware/.pio/build/uno/firmware.elf",
    )


@pytest.fixture
def there(here, trained):
    """`here`, with the trained model as gas.json."""
    for name in ("gas.json", "gas.search.json"):
        (here / name).write_bytes((trained.folder / name).read_bytes())
    return here
