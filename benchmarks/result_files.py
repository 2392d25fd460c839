"""How a benchmark starts, and where its results go: to the reader, and into files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinygen.common.arithmetic import pin
from tinygen.common.errors import TinygenError


def run_main(main: Callable[[], int]) -> None:
    """Runs `main` with pinned arithmetic and ends with its exit code; an error is one line."""
    pin()
    try:
        sys.exit(main())
    except TinygenError as error:
        sys.exit(f"error: {error}")


def write_results(text: str, plain: str, text_path: Path | None, json_path: Path | None) -> None:
    """Prints the text, and writes both where they are wanted."""
    sys.stdout.write(text)
    for path, content in ((json_path, plain), (text_path, text)):
        if path:
            path.write_text(content, encoding="ascii")


def run_page(
    description: str | None, figures: Callable[[], dict[str, Any]], as_text: Callable[[dict], str]
) -> None:
    """Runs a benchmark without options whose figures stand in a page."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--text", type=Path)
    given = parser.parse_args()

    def main() -> int:
        plain = figures()
        write_results(as_text(plain), json.dumps(plain, indent=1) + "\n", given.text, given.json)
        return 0

    run_main(main)


def between_marks(page: str, table: str, begin: str, end: str) -> str:
    """The page with the table in the place of what stands between its marks."""
    before, rest = page.split(begin)
    return before + begin + table + end + rest.split(end, 1)[1]
