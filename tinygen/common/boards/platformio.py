"""Boards as PlatformIO describes them."""

from __future__ import annotations

from collections.abc import Iterable

from ..jinja import environment
from .board import Board


def render_platformio_ini(
    boards: Iterable[Board],
    src_dir: str = "src",
    include_dir: str = "include",
    extra_flags: Iterable[str] = (),
    models: int = 1,
) -> str:
    """The text of platformio.ini: for each board with a firmware one environment, and one with an
    empty predictor; without that one where the program has no model. With several `models`, also
    one for each of them alone.
    """
    every = 2**models - 1  # one bit a model
    template = environment("c").get_template("platformio.ini.j2")
    return template.render(
        boards=[b for b in boards if b.has_firmware],
        src_dir=src_dir,
        include_dir=include_dir,
        extra_flags=list(extra_flags),
        models=models,
        alone=[(k, every - 2**k) for k in range(models)] if models > 1 else [],
    )


def core_properties(boards_txt: str, fqbn: str) -> dict[str, str]:
    """The properties `boards.txt` gives one board, its menu choices applied: {"build.mcu": ...}.

    `fqbn` is "vendor:architecture:board[:menu=choice,...]". Empty when the file lacks the board.
    """
    _, _, board, *options = fqbn.split(":")
    lines = (line.partition("=") for line in boards_txt.splitlines() if not line.startswith("#"))
    prefix = board + "."
    flat = {
        key[len(prefix) :].strip(): value.strip()
        for key, _, value in lines
        if key.startswith(prefix)
    }
    chosen: dict[str, str] = {}
    for option in options[0].split(",") if options else ():
        menu = "menu.{}.{}.".format(*option.split("="))
        chosen |= {key[len(menu) :]: value for key, value in flat.items() if key.startswith(menu)}
    return {key: value for key, value in flat.items() if not key.startswith("menu.")} | chosen


def pio_board_file(board: Board, boards_txt: str) -> dict:
    """PlatformIO's description of `board` (the content of boards/ID.json), from `boards.txt`."""
    core = core_properties(boards_txt, board.fqbn)
    usb = {}
    if "build.vid" in core:  # a chip with USB of its own: it must know what to call itself
        own = (int(core["build.vid"], 16), int(core["build.pid"], 16))
        vendor, product = own if own in board.usb_ids else board.usb_ids[-1]
        usb = {
            "usb_vid": f"0x{vendor:04X}",
            "usb_pid": f"0x{product:04X}",
            "usb_product": board.title,
        }
    return {
        "name": board.title,
        "vendor": "Arduino",
        "url": "https://www.arduino.cc",
        "frameworks": ["arduino"],
        "build": {
            "core": core["build.core"].split(":")[-1],
            "variant": core["build.variant"].split(":")[-1],
            "mcu": board.mcu,
            "f_cpu": f"{board.f_cpu_hz}L",
            "extra_flags": f"-DARDUINO_{core['build.board']}",
            **usb,
            "hwids": [[f"0x{vendor:04X}", f"0x{product:04X}"] for vendor, product in board.usb_ids],
        },
        "upload": {
            "maximum_size": board.flash_bytes,
            "maximum_ram_size": board.ram_bytes,
            "protocol": board.protocol,
            "speed": board.upload_speed,
            "require_upload_port": True,
            "use_1200bps_touch": core.get("upload.use_1200bps_touch") == "true",
            "wait_for_upload_port": core.get("upload.wait_for_upload_port") == "true",
        },
    }
