"""Makes report.png, the picture of a report in README and report.md:

    TINYGEN_DATA=FOLDER python docs/make/picture.py

It trains on the UCI Air Quality file, writes the report, and has Chromium draw some of its
sections. No test compares the picture: every machine has other fonts.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from generate import run
from PIL import Image

FILE = "AirQualityUCI.csv"
INPUTS = "PT08.S1(CO),PT08.S3(NOx),PT08.S4(NO2),PT08.S5(O3),T,RH,AH"
TRAIN = (
    f'tinygen train {{data}} --target "C6H6(GT)" --inputs "{INPUTS}" '
    "--threshold 15 --max-flash 550 --name street -o street.json"
)
REPORT = "tinygen report street.json --data {data} -o street.html"
SHOWN = ("verdict", "predicted", "range", "board")  # ids of the page's sections
WIDE, HIGH = 1120, 6000  # of the window, pixels
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    place = Path(os.environ.get("TINYGEN_DATA", "")) / FILE
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not place.is_file():
        sys.exit(f"no {FILE} in '{place.parent}': set TINYGEN_DATA to its folder (UCI dataset 360)")
    if browser is None:
        sys.exit("no Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        for command in (TRAIN, REPORT):
            run(command.format(data=place.resolve()), Path(folder))
        page = Path(folder) / "street.html"
        page.write_text(some_sections(page.read_text(encoding="utf-8")), encoding="utf-8")
        photograph(browser, page, Path(__file__).parent.parent / "report.png")


def some_sections(page: str) -> str:
    """The page with all sections hidden but those in `SHOWN`."""
    there = re.findall(r'<section id="([\w-]+)"', page)
    if missing := [name for name in SHOWN if name not in there]:
        sys.exit(f"the report has no section '{missing[0]}': it has {', '.join(there)}")
    hidden = ",".join(f"#{name}" for name in there if name not in SHOWN)
    return page.replace("</head>", f"<style>{hidden}{{display:none}}</style></head>", 1)


def photograph(browser: str, page: Path, picture: Path) -> None:
    """A picture of a page as a desktop shows it, cut off below its last line."""
    whole = page.with_suffix(".png")
    subprocess.run(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--virtual-time-budget=20000",  # the board in the page answers first
            f"--window-size={WIDE},{HIGH}",
            f"--screenshot={whole}",
            page.as_uri(),
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    drawn = Image.open(whole).convert("RGB")
    pixels = np.asarray(drawn)
    used = np.flatnonzero((pixels != pixels[-1, 0]).any(axis=(1, 2)))
    if used[-1] + 32 > HIGH:
        sys.exit(f"the page is taller than the window's {HIGH} pixels: raise HIGH")
    page_only = drawn.crop((0, 0, WIDE, int(used[-1]) + 32))
    page_only.quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    main()
