"""Lists on a page that are made from the code, between two comments."""

import textwrap

END = "<!-- end -->"


def listed(title: str, names) -> str:
    """One list as a page has it."""
    line = f"**{title}** ({len(names)}): " + ", ".join(f"`{n}`" for n in names) + "."
    return textwrap.fill(line, 128, break_long_words=False, break_on_hyphens=False)


def assert_page_has(page, start: str, wanted: str, config) -> None:
    """The text between the comment that begins with `start` and END; --update-golden writes it."""
    before, rest = page.read_text(encoding="utf-8").split(start)
    comment, rest = rest.split("\n", 1)
    told, after = rest.split(END, 1)
    if config.getoption("--update-golden"):
        whole = f"{before}{start}{comment}\n{wanted}\n{END}{after}"
        page.write_text(whole, encoding="utf-8", newline="\n")
        return
    assert told.strip() == wanted, "run pytest --update-golden and review the diff"
