"""What a test does where a tool that it needs is missing."""

import os

import pytest


def unavailable(reason: str):
    """Skip the test, or fail it where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
