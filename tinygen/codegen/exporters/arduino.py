"""A library by the rules of the Arduino Library Manager."""

from __future__ import annotations

import re

from ...common.boards import Board
from ...common.errors import EmitError
from ...model.signals.any_model import AnyModel
from ..exports import arduino_files, fill

TAKEN = ("arduino", "library")  # words that the rules keep out of a library's name


def export(model: AnyModel, board: Board | None = None) -> dict[str, str]:
    """src, examples, library.properties, keywords.txt, README and licence. board: whose LED pins
    the sketches have.
    """
    title = model.name.strip("_")
    if any(word in title.lower() for word in TAKEN):
        raise EmitError(
            f"model name '{model.name}' holds '{next(w for w in TAKEN if w in title.lower())}', "
            "which the Library Manager takes in no name: train it with another --name"
        )
    files = arduino_files(model, board)
    functions, constants = keywords(model, files[f"src/{model.name}.h"])
    return {
        **files,
        "library.properties": fill("library.properties.j2", model, title=title),
        "keywords.txt": fill("keywords.txt.j2", model, functions=functions, constants=constants),
        "README.md": fill(
            "README.md.j2",
            model,
            use="In the Arduino IDE: Sketch, Include Library, Add .ZIP Library, with this folder "
            "as a ZIP file. To submit it to the Library Manager, put the address of your "
            "repository into `url` of library.properties.",
        ),
    }


def keywords(model: AnyModel, header: str) -> tuple[list[str], list[str]]:
    """Functions and constants that a sketch takes from the header, in their order."""
    function = re.compile(rf"^static \w+ [\w *]*?({model.name}_\w+)\(", re.MULTILINE)
    constant = re.compile(rf"^\s*(?:#define )?({model.name.upper()}_\w+)(?= |\(| =)", re.MULTILINE)
    names = (found.findall(header) for found in (function, constant))
    functions, constants = (list(dict.fromkeys(found)) for found in names)
    return functions, [word for word in constants if word != f"{model.name.upper()}_H"]
