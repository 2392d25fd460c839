"""A command in a process of its own, or in the test's with a search of few families."""

import json
import subprocess
import sys
from unittest.mock import patch

from click.testing import CliRunner

from tinygen.cli import main
from tinygen.families import FAMILIES


def answer(*command: str, cwd) -> dict:
    """The JSON object that a command prints after it went well, in a process of its own as a user
    has it.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tinygen.cli", *command, "--json"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def answer_of_few(families: tuple[str, ...], *command: str) -> dict:
    """The same in this process, as if there were no other families."""
    few = {name: family for name, family in FAMILIES.items() if name in families}
    with patch.dict(FAMILIES, few, clear=True):  # and then all again, in their order
        done = CliRunner().invoke(main, [*command, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)
