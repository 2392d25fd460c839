"""Many generated headers in one program: compiling is most of what such a test costs."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from host_c import LINK, STRICT

from tinygen.codegen.emit import render_header, runtime

RUN = """
static int {name}_run(void)
{{
    int16_t x[{upper}_INPUTS];
    for (long n = {rows}; n > 0; --n) {{
        if (fread(x, sizeof x, 1, stdin) != 1) {{
            return 1;
        }}
        int16_t y = {name}_predict(x);
        fwrite(&y, sizeof y, 1, stdout);
    }}
    return 0;
}}
"""
PARTS = 8  # models of one source file: what a compiler does with all of them grows faster


def answers_in_c(models, rows, folder, flags=("-O0",)) -> list[np.ndarray]:
    """What the C of each model answers to its raw rows, int64 (n,), in the order of the models."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is missing: apt install gcc")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in runtime().items():
        (folder / file).write_text(text)
    named = [replace(m, name=f"m{k}") for k, m in enumerate(models)]
    sources, calls = [], []
    for first in range(0, len(named), PARTS):
        source = folder / f"part{first}.c"
        source.write_text(_part(named[first : first + PARTS], rows[first : first + PARTS], folder))
        sources.append(source)
        calls.append(first)
    main = folder / "main.c"
    main.write_text(
        "".join(f"int run_{k}(void);\n" for k in calls)
        + "int main(void)\n{\n    return "
        + " || ".join(f"run_{k}()" for k in calls)
        + ";\n}\n"
    )
    program = folder / "many"
    command = ["gcc", "-std=c99", *STRICT, *flags, *map(str, sources), str(main), "-o", program]
    done = subprocess.run([*command, *LINK], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    fed = b"".join(np.asarray(r).astype("<i2").tobytes() for r in rows)
    ran = subprocess.run([program], input=fed, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    found = np.frombuffer(ran.stdout, dtype="<i2").astype(np.int64)
    return np.split(found, np.cumsum([len(r) for r in rows])[:-1])


def _part(models, rows, folder) -> str:
    text = ["#include <stdio.h>\n"]
    for model, some in zip(models, rows):
        (folder / f"{model.name}.h").write_text(render_header(model))
        text.append(f'#include "{model.name}.h"\n')
        text.append(RUN.format(name=model.name, upper=model.name.upper(), rows=len(some)))
    calls = " || ".join(f"{m.name}_run()" for m in models)
    number = models[0].name[1:]
    text.append(f"int run_{number}(void);\nint run_{number}(void)\n{{\n    return {calls};\n}}\n")
    return "".join(text)
