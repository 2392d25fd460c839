"""A module for Zephyr, with an application that checks it."""

from __future__ import annotations

from ...common.boards import Board
from ...model.signals.any_model import AnyModel
from ..exports import checked, fill


def export(model: AnyModel, board: Board | None = None) -> dict[str, str]:
    """zephyr/module.yml, Kconfig, CMakeLists.txt, include/NAME.h, and the check in `tests`."""
    texts = checked(model)
    return {
        "zephyr/module.yml": fill("zephyr_module.yml.j2", model),
        "Kconfig": fill("zephyr_Kconfig.j2", model),
        "CMakeLists.txt": fill("zephyr_CMakeLists.txt.j2", model),
        f"include/{model.name}.h": texts[f"{model.name}.h"],
        "tests/CMakeLists.txt": fill("zephyr_test_CMakeLists.txt.j2", model),
        "tests/prj.conf": fill("zephyr_prj.conf.j2", model),
        "tests/testcase.yaml": fill("zephyr_testcase.yaml.j2", model),
        f"tests/src/{model.name}_vectors.h": texts[f"{model.name}_vectors.h"],
        "tests/src/main.c": fill("check.c.j2", model).replace("check.c", "main.c"),
    }
