"""How pytest is told of the plugin."""

import subprocess
import sys
from pathlib import Path


def declared() -> bool:
    """True if this environment's tinygen has told pytest of the plugin; a checkout installed
    earlier has not.
    """
    program = (
        "from importlib.metadata import entry_points; print('tinygen' in "
        "entry_points(group='pytest11').names)"
    )
    return (
        "True"
        in subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(sys.executable).parent,
            capture_output=True,
            text=True,
        ).stdout
    )


# what a run of such a project pays for and does not use: a second of CPU
OTHERS = ("-p", "no:hypothesispytest", "-p", "no:anyio")
PLUGIN = OTHERS if declared() else (*OTHERS, "-p", "tinygen.target.pytest_plugin")
