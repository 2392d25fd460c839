"""`python -m bench`, started by `make bench`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import monotonic

from tinygen.common.arithmetic import pin

from .parts import SAVED, SIDES, sources
from .run import run
from .show import read_run, write_pages
from .tasks import TASKS

BEGUN = monotonic()
QUICK = ("B random",)
QUICK_OUT = SAVED.with_name("bench-quick")  # nothing of it is shown in docs/


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description="tinygen beside other generators, on the same rows."
    )
    parser.add_argument("--tasks", help=f"by commas, of: {', '.join(TASKS)}")
    parser.add_argument("--quick", action="store_true", help="one task, few estimators")
    parser.add_argument("--only", choices=SIDES, help="the parts of one side")
    parser.add_argument("--fresh", action="store_true", help="measure again what is saved")
    parser.add_argument("--show", action="store_true", help="measure nothing, show what is saved")
    parser.add_argument("--out", type=Path, help="another folder of what is measured")
    asked = parser.parse_args(arguments)
    out = asked.out or (QUICK_OUT if asked.quick else SAVED)
    names = asked.tasks.split(",") if asked.tasks else list(QUICK if asked.quick else TASKS)
    if unknown := [n for n in names if n not in TASKS]:
        parser.error(f"no task '{unknown[0]}': choose of {', '.join(TASKS)}")
    if not asked.show:
        sides = (asked.only,) if asked.only else SIDES
        run([TASKS[n] for n in names], asked.quick, asked.fresh, _say, out, sides)
    sys.stdout.write(write_pages(out))
    if not {*read_run(out).sources} <= {sources(side) for side in SIDES}:
        _say("some of this was measured with other sources than these: without --show it is anew")
    return 0


def _say(text: str) -> None:
    print(f"{monotonic() - BEGUN:7.0f} s  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    pin()
    sys.exit(main())
