"""The two wiring pictures as SVG: drawn on a light card of their own, so that they read the same on
a light and a dark page.
"""

from __future__ import annotations

CARD, INK, BOARD, DARK, WIRE = "#f7f8f7", "#1b1f24", "#00757d", "#20262b", "#3b4450"
RED, GREEN, GROUND = "#c6281e", "#1f8a3b", "#20262b"
PITCH = 26  # between two pins


def text(
    x: float,
    y: float,
    words: str,
    size: int = 14,
    anchor: str = "middle",
    color: str = INK,
    weight: str = "400",
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{color}" '
        f'font-weight="{weight}" '
        f'font-family="system-ui, sans-serif">{words}</text>'
    )


def pin(x: float, y: float, used: str | None = None) -> str:
    return (
        f'<rect x="{x - 8:g}" y="{y - 8:g}" width="16" height="16" rx="2" fill="{DARK}"/>'
        f'<circle cx="{x:g}" cy="{y:g}" r="4.5" fill="{used or "#8d979e"}"/>'
    )


def wire(color: str, *points: tuple[float, float]) -> str:
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    return (
        f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="4" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )


def resistor(x: float, y: float) -> str:
    """Lying, 64 wide, its left end at (x, y)."""
    bands = "".join(
        f'<rect x="{x + at:g}" y="{y - 9:g}" width="5" height="18" fill="{color}"/>'
        for at, color in ((18, RED), (28, RED), (38, "#7a4a1e"), (50, "#c9a227"))
    )
    return (
        f'<rect x="{x + 8:g}" y="{y - 9:g}" width="56" height="18" rx="7" fill="#e3cfa4" '
        f'stroke="{WIRE}"/>{bands}'
    )


def led(x: float, y: float, color: str) -> str:
    """Lying, its long leg at the left: legs end at (x, y) and (x + 96, y)."""
    return (
        f'<line x1="{x:g}" y1="{y:g}" x2="{x + 30:g}" y2="{y:g}" stroke="{WIRE}" stroke-width="4"/>'
        f'<line x1="{x + 66:g}" y1="{y:g}" x2="{x + 96:g}" y2="{y:g}" stroke="{WIRE}" '
        'stroke-width="4"/>'
        f'<circle cx="{x + 48:g}" cy="{y:g}" r="19" fill="{color}" stroke="{WIRE}" '
        'stroke-width="2"/>'
        f'<line x1="{x + 66:g}" y1="{y - 12:g}" x2="{x + 66:g}" y2="{y + 12:g}" stroke="{WIRE}" '
        'stroke-width="4"/>'
        f'<circle cx="{x + 42:g}" cy="{y - 6:g}" r="5" fill="#ffffff" opacity="0.55"/>'
    )


def branch(x: float, y: float, color: str, name: str) -> str:
    """Resistor, LED and their labels from (x, y) to the ground rail at (x + 190, y)."""
    return "".join(
        [
            wire(color, (x, y), (x + 12, y)),
            resistor(x + 4, y),
            wire(WIRE, (x + 68, y), (x + 94, y)),
            led(x + 94, y, color),
            text(x + 52, y + 28, "220 Ω to 1 kΩ", 13),
            text(x + 128, y - 27, name, 13, weight="600"),
            text(x + 110, y + 19, "+", 16),
        ]
    )


def figure(width: int, height: int, title: str, words: str, *parts: str) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" '
            'role="img" aria-labelledby="t d">',
            f'<title id="t">{title}</title>',
            f'<desc id="d">{words}</desc>',
            f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="12" fill="{CARD}" '
            'stroke="#c9d0d4"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def uno() -> str:
    """Digital pins along the upper edge: AREF, GND, 13 to 8, then 7 to 0."""
    names = ["AREF", "GND", "13", "12", "11", "10", "9", "8"]
    left, edge = 196, 300
    places = {name: left + PITCH * k for k, name in enumerate(names)} | {
        str(n): left + PITCH * (8.6 + 7 - n) for n in range(8)
    }
    used = {"GND": "#ffffff", "13": GREEN, "12": RED}
    pins = [pin(x, edge, used.get(name)) for name, x in places.items()]
    labels = [
        text(
            x,
            edge + 30,
            name,
            12 if name in ("AREF", "GND") else 13,
            color="#ffffff",
            weight="700" if name in used else "400",
        )
        if name not in ("AREF", "GND")
        else f'<g transform="rotate(-90 {x:g} {edge + 36})">'
        f"{text(x, edge + 40, name, 12, color='#ffffff')}</g>"
        for name, x in places.items()
    ]
    rail = 576
    return figure(
        680,
        520,
        "LEDs on an Arduino Uno",
        "Pin 12 through a resistor to the red LED, pin 13 through a resistor to the green LED, "
        "both LEDs to GND.",
        f'<rect x="60" y="276" width="580" height="214" rx="14" fill="{BOARD}"/>',
        f'<rect x="30" y="320" width="96" height="76" rx="5" fill="#b9c1c6" stroke="{WIRE}"/>',
        text(78, 363, "USB", 14),
        text(380, 420, "Arduino Uno", 24, color="#ffffff", weight="600"),
        *pins,
        *labels,
        wire(RED, (places["12"], edge), (places["12"], 190), (340, 190)),
        branch(340, 190, RED, "red: above the level"),
        wire(GREEN, (places["13"], edge), (places["13"], 102), (340, 102)),
        branch(340, 102, GREEN, "green: at it or below"),
        wire(
            GROUND, (530, 190), (rail, 190), (rail, 34), (places["GND"], 34), (places["GND"], edge)
        ),
        wire(GROUND, (530, 102), (rail, 102)),
        text(rail + 14, 150, "to GND", 14, "start"),
    )


def mega() -> str:
    """The double row at the right edge: even numbers in the inner column, odd ones in the outer,
    GND at its end.
    """
    inner, outer, top = 322, 322 + PITCH, 108
    rows = [
        ("22", "23"),
        ("24", "25"),
        ("26", "27"),
        None,
        ("48", "49"),
        ("50", "51"),
        ("52", "53"),
        ("GND", "GND"),
    ]
    parts, places = [], {}
    for k, pair in enumerate(rows):
        y = top + PITCH * k
        if pair is None:
            parts.append(text(inner + PITCH / 2, y + 6, "⋮", 20, color="#ffffff"))
            continue
        places |= {name: (x, y) for x, name in zip((inner, outer), pair)}
        used = {"52": RED, "53": GREEN}
        parts += [
            pin(inner, y, used.get(pair[0])),
            pin(outer, y, used.get(pair[1], "#ffffff" if pair[1] == "GND" else None)),
            *(
                text(
                    inner - 62 + 36 * k,
                    y + 5,
                    name,
                    13,
                    "middle",
                    "#ffffff",
                    "700" if name in used else "400",
                )
                for k, name in enumerate(pair)
                if name != "GND"
            ),
            *(
                [text(inner - 44, y + 5, "GND", 13, color="#ffffff", weight="700")]
                if pair[0] == "GND"
                else []
            ),
        ]
    red, green, ground = places["52"], places["53"], places["GND"]
    rail = 680
    return figure(
        760,
        400,
        "LEDs on an Arduino Mega 2560",
        "Pin 52 through a resistor to the red LED, pin 53 through a resistor to the green LED, "
        "both LEDs to GND.",
        f'<rect x="56" y="60" width="348" height="290" rx="14" fill="{BOARD}"/>',
        f'<rect x="26" y="110" width="80" height="76" rx="5" fill="#b9c1c6" stroke="{WIRE}"/>',
        text(66, 153, "USB", 14),
        text(170, 250, "Arduino", 22, color="#ffffff", weight="600"),
        text(170, 278, "Mega 2560", 22, color="#ffffff", weight="600"),
        *parts,
        wire(
            RED,
            red,
            (inner + PITCH / 2, red[1] - PITCH / 2),
            (420, red[1] - PITCH / 2),
            (420, 100),
            (450, 100),
        ),
        branch(450, 100, RED, "red: above the level"),
        wire(GREEN, green, (450, green[1]), (450, 200)),
        branch(450, 200, GREEN, "green: at it or below"),
        wire(GROUND, (640, 100), (rail, 100), (rail, 200), (640, 200)),
        wire(GROUND, (rail, 200), (rail, ground[1]), ground),
        text(rail + 14, 260, "to GND", 14, "start"),
    )


if __name__ == "__main__":
    from pathlib import Path

    for name, draw in (("uno", uno), ("mega", mega)):
        (Path(__file__).parent.parent / f"wiring-{name}.svg").write_text(draw(), encoding="utf-8")
