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


@pytest.mark.parametrize("unit", [1e-300, 1e-13, 1e20, 1e300])
def test_numbers_that_no_step_holds_are_refused_before_training(unit, tmp_path):
    rng, csv, out = np.random.default_rng(0), tmp_path / "far.csv", tmp_path / "far.json"
    rows = [f"{a},{(2 * a + 1) * unit:.6g}" for a in rng.integers(1, 99, 60).tolist()]
    csv.write_text("\n".join(["gas,y", *rows]) + "\n")
    out.write_text("the model that was there")
    done = CliRunner().invoke(main, ["train", str(csv), "--target", "y", "-o", str(out)])
    assert done.exit_code == 2 and out.read_text() == "the model that was there"
    (line,) = done.output.splitlines()
    assert "far.csv, column 'y': its numbers, up to" in line and "in another unit" in line
