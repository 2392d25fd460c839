"""Models of signals on two sets of raw recordings: what `tinygen train --window` finds, and what it
costs on the Uno.

    TINYGEN_DATA=FOLDER python benchmarks/signals.py [--only NAME,..] [--json FILE] [--text FILE]

`fan_accelerometer.csv`: a fan with three configurations of weights at 17 speeds, one block one
recording (G. Scalabrini Sampaio and others, Sensors 2019; UCI data set 846, CC BY 4.0); every third
speed tests. `basic_motions.csv`: four activities by four students (the UEA archive's BasicMotions,
its official halves). Everything is chosen on training recordings. Beside each figure stand a forest
of 100 trees in float on the same features, and what both would seem to reach if windows were split
at random. The whole table takes about a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from tinygen.commands._recordings import RecordingSelection
from tinygen.commands._signals import SignalTraining, TrainedSignals, train_signals
from tinygen.common.arithmetic import pin
from tinygen.common.tables import table
from tinygen.report.signals import vote_of
from tinygen.target.build import Budget

FAN = {
    "target": "Sensor Configuration",
    "group": "Rotation Speed Percentage",
    "rate_hz": 50.0,
}
MOTIONS = {"target": "activity", "recording": "recording", "test": "part=test"}
SMALL = Budget(flash_bytes=2048, ram_bytes=700)
TASKS: dict[str, tuple[str, dict, str, Budget, float]] = {  # file, columns, window, budget, load
    "fan, 1 s": ("fan_accelerometer.csv", FAN, "1s", Budget(), 50.0),
    "fan, 2 s, 2 KB": ("fan_accelerometer.csv", FAN, "2s", SMALL, 30.0),
    "motions, 2 s": ("basic_motions.csv", MOTIONS, "2s", Budget(), 50.0),
}


def measured(name: str, folder: Path, out: Path) -> dict:
    """Figures and cost of one task."""
    file, columns, window, budget, load = TASKS[name]
    selection = RecordingSelection((folder / file,), window, **columns)
    found: TrainedSignals = train_signals(
        SignalTraining(selection, out / "signal.json", budget=budget, max_load=load)
    )
    model = found.model
    return {
        "task": name,
        "family": model.family,
        "features": list(model.front.feature_names(model.channels, model.rate_hz)),
        "votes": model.votes,
        "lead": model.lead,
        "figures": model.training["signals"],
        "cost": found.plain()["cost"],
    }


def text_of(rows: list[dict]) -> str:
    """The table."""
    headers = [
        "task",
        "model",
        "features",
        "vote",
        "windows right",
        "recordings right",
        "forest: windows",
        "recordings",
        "random windows",
        "flash B",
        "RAM B",
        "cycles/sample",
        "at a window's end",
        "load",
    ]
    return table(headers, [_line(row) for row in rows]) + "\n"


def _line(row: dict) -> list:
    figures, cost = row["figures"], row["cost"]
    tests, forest = figures["recordings_test"], figures["forest"]
    return [
        row["task"],
        row["family"],
        len(row["features"]),
        vote_of(row["votes"], row["lead"]),
        f"{1 - figures['error_rate']:.1%}",
        f"{tests - figures['recordings_wrong']} of {tests}",
        f"{1 - forest['error_rate']:.1%}",
        f"{tests - forest['recordings_wrong']} of {tests}",
        f"{1 - figures['random_windows']['error_rate']:.1%}",
        cost["flash_bytes"],
        cost["ram_bytes"] + cost["stack_bytes"],
        cost["cycles_sample"],
        cost["cycles_window"],
        f"{cost['load']:.1%}",
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help=f"tasks, by name: {', '.join(TASKS)}")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--text", type=Path)
    options = parser.parse_args()
    folder = Path(os.environ.get("TINYGEN_DATA", ".")).expanduser()
    names = [n for n in TASKS if not options.only or n.partition(",")[0] in options.only.split(",")]
    with tempfile.TemporaryDirectory() as out:
        rows = [measured(name, folder, Path(out)) for name in names]
    text = text_of(rows)
    print(text, end="")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if options.text:
        options.text.write_text(text)


if __name__ == "__main__":
    pin()
    main()
