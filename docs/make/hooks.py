"""What MkDocs asks while it builds: pages are readable on the project's site as well, where they
may link to its sources.
"""

import re

OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **_) -> str:
    """The page without links that leave docs/: the site has no sources, their names stay."""
    return OUTSIDE.sub(r"\1", markdown)
