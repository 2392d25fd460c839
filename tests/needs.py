"""What a test does where a tool that it needs is missing."""

import os
import shutil

import pytest


def unavailable(reason: str):
    """Skip the test, or fail it where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def need(*programs: str) -> None:
    """Skip the test, or fail it where nothing may be missing, unless these programs are there."""
    for program in programs:
        if not shutil.which(program):
            unavailable(f"{program} is missing: apt install {program}")
