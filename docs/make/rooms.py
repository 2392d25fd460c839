"""The picture of the rooms: what each hands to the next. Words stay words, so that they can be
searched and read aloud.
"""

from __future__ import annotations

INK, PAPER, CARD, LINE, ARROW = "#1f2d33", "#ffffff", "#eef5f4", "#2f7f78", "#5c6b70"
WIDTH, HEIGHT, BOX_WIDTH, BOX_HEIGHT, LEFT, STEP = 940, 430, 150, 74, 20, 188
# folder, what it does, what it hands to the next one; the way of the data, left to right, two rows
FIRST = (
    ("data/", ("reads, cleans and", "splits a table"), "Dataset"),
    ("families/, fitting/", ("fit floats, lower", "them to integers"), "nodes"),
    ("search/", ("chooses among", "families"), "Ladder"),
    ("model/", ("the integer model:", "twin and proof"), "Model"),
    ("codegen/, templates/", ("the C text", "of a model"), ""),
)
SECOND = (
    ("report/", ("words, page,", "model card"), ""),
    ("host/", ("streams rows,", "checks answers"), "verdict"),
    ("host/virtual/", ("the simulated", "board"), "bytes"),
    ("firmware/", ("the fixed part", "on the board"), "program"),
    ("target/", ("compiles, measures,", "loads"), "Firmware"),
)


def rooms() -> str:
    """The SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" role="img">',
        "<title>The rooms of tinygen and what each hands to the next</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="{PAPER}"/>',
        *_bar(24, "cli.py, commands/: parse, call, print"),
        *_row(96, FIRST, forward=True),
        *_arrow(LEFT + 4 * STEP + BOX_WIDTH / 2, 170, 246, "Project"),
        *_row(246, SECOND, forward=False),
        *_bar(362, "common/: boards, errors, files, processes - used by all, uses nothing of ours"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, words: str, size: int, color: str = INK, anchor="middle") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{color}">{words}</text>'
    )


def _bar(y: float, words: str) -> list[str]:
    width = 4 * STEP + BOX_WIDTH
    return [
        f'<rect x="{LEFT}" y="{y:g}" width="{width}" height="40" rx="8" fill="{CARD}"/>',
        _text(LEFT + width / 2, y + 25, words, 14),
    ]


def _row(y: float, boxes, forward: bool) -> list[str]:
    parts = []
    for k, (name, lines, handed) in enumerate(boxes):
        x = LEFT + k * STEP
        parts += [
            f'<rect x="{x}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" '
            f'fill="{CARD}" stroke="{LINE}" stroke-width="1.5"/>',
            _text(x + BOX_WIDTH / 2, y + 22, name, 13, LINE),
            *(_text(x + BOX_WIDTH / 2, y + 42 + 17 * n, line, 12) for n, line in enumerate(lines)),
        ]
        if handed and forward:
            parts += _flow(x + BOX_WIDTH, x + STEP, y, handed)
        if handed and not forward:
            parts += _flow(x, x - STEP + BOX_WIDTH, y, handed)
    return parts


def _flow(begin: float, end: float, y: float, words: str) -> list[str]:
    """A level arrow between two boxes, with the name of what is handed on above it."""
    middle, head = y + BOX_HEIGHT / 2, 6 if end > begin else -6
    return [
        f'<path d="M{begin:g} {middle:g} H{end:g} m{-head} -4 l{head} 4 l{-head} 4" '
        f'fill="none" stroke="{ARROW}" stroke-width="1.5"/>',
        _text((begin + end) / 2, y - 8, words, 11, ARROW),
    ]


def _arrow(x: float, begin: float, end: float, words: str) -> list[str]:
    """A plumb arrow."""
    return [
        f'<path d="M{x:g} {begin:g} V{end:g} m-4 -6 l4 6 l4 -6" fill="none" '
        f'stroke="{ARROW}" stroke-width="1.5"/>',
        _text(x - 10, (begin + end) / 2 + 4, words, 11, ARROW, "end"),
    ]
