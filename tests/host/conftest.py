"""The real firmware, compiled for the host, for all tests of the host's side."""

from native_rows import firmware  # noqa: F401 - a fixture
