"""A command in a process of its own."""

import json
import subprocess
import sys


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
