"""What cannot be streamed is refused before it is trained."""

import numpy as np
import pytest
from click.testing import CliRunner

from tinygen.cli import main


def wide(path, inputs):
    rng = np.random.default_rng(0)
    names = ",".join(f"s{k}" for k in range(inputs))
    rows = rng.integers(0, 99, (30, inputs + 1))
    path.write_text("\n".join([f"{names},y", *(",".join(map(str, row)) for row in rows)]) + "\n")
    return str(path)


@pytest.mark.parametrize("command", ["train", "guard"])
def test_more_inputs_than_a_row_on_the_wire_holds(command, tmp_path):
    options = ["--target", "y"] if command == "train" else ["--drop", "y"]
    csv, out = wide(tmp_path / "wide.csv", 125), tmp_path / "wide.json"
    done = CliRunner().invoke(main, [command, csv, *options, "-o", str(out)])
    assert done.exit_code == 2 and not out.exists()
    assert "125 inputs, a row on the wire holds 124" in done.output
