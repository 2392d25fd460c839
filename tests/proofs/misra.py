"""cppcheck's MISRA C:2012 add-on over the C that is hand-written and the C that is generated.

One file includes all of it, for an 8-bit AVR, with the kernels in C99. Those in assembly are looked
at as far as the preprocessor goes: cppcheck does not read their statements.
"""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

from needs import need
from random_models import random_models
from signal_models import signal_models

from tinygen.codegen.emit import firmware_text, headers, render_header
from tinygen.model.model import load

STORED = Path(__file__).parents[1] / "golden" / "house"
KERNELS = ("fixed", "sums", "layers", "flash", "trees", "straight")
ASSEMBLY = ("avr", "avr_sums", "avr_layers")
OTHERS = ("units", "alarm", "protocol", "signal")
# Chains with the nodes that no stored model has
CHAINS = (
    *("additive_wide", "linear_wide", "logarithms", "mlp_curve", "mlp_layer16", "mlp_logarithms"),
    *(
        "fine",
        "fine_layer",
        "layer_of_many",
        "mlp_widened",
        "near_votes",
        "median",
        "neighbours",
        "quantized",
        "quantized_windows",
    ),
    *("recalibrated_wide", "squares", "table_mlp", "tree_bytes", "tree_code", "votes_code"),
)
COMMAND = (
    *("cppcheck", "--addon=misra", "--platform=avr8", "--std=c99", "--enable=all", "--quiet"),
    *("--suppress=missingIncludeSystem", "--template={file};{line};{id};{message}"),
    *("-DTINYGEN_NO_ASM", "-U__AVR__", "-U__AVR_HAVE_ELPM__", "-U__cplusplus", "-UTINYGEN_SHARED"),
    "main.c",
)
SECONDS = 1800


def texts() -> dict[str, str]:
    """Everything that is looked at, and main.c that includes it: file -> text."""
    found = {
        f"tinygen_{name}.h": firmware_text(f"include/tinygen_{name}.h")
        for name in (*KERNELS, *ASSEMBLY, *OTHERS)
    }
    included = ["tinygen_fixed.h", *(f"tinygen_{name}.h" for name in OTHERS)]
    models = [load(path) for path in sorted(STORED.glob("*-*.json"))]
    models += [replace(random_models()[name], optimize="size") for name in CHAINS]
    for place, model in enumerate(models):
        name = f"model_{place}"
        found[f"{name}.h"] = render_header(replace(model, name=name))
        included.append(f"{name}.h")
    signals = next(iter(signal_models().values()))
    found |= {name: text for name, text in headers(signals).items() if name not in found}
    included.append(f"{signals.name}.h")
    return {**found, "main.c": "".join(f'#include "{name}"\n' for name in included)}


def findings(files: dict[str, str], folder: Path) -> dict[str, set[str]]:
    """Rule or cppcheck's own word -> where: "runtime", "assembly", "emitted"."""
    need("cppcheck")
    for name, text in files.items():
        (folder / name).write_text(text)
    done = subprocess.run(COMMAND, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, set[str]] = {}
    for line in done.stderr.splitlines():
        file, _, kind, *_ = line.split(";")
        found.setdefault(kind.removeprefix("misra-c2012-"), set()).add(_where(file))
    return found


def _where(file: str) -> str:
    name = re.sub(r"^tinygen_|\.h$", "", Path(file).name)
    if name in ASSEMBLY:
        return "assembly"
    return "runtime" if name in (*KERNELS, *OTHERS) else "emitted"
