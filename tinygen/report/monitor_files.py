"""What `tinygen monitor` found, as files: JSON lines, Markdown, one HTML page, Prometheus' text.

write_files(monitoring, {"html": Path("drift.html"), ...})
"""

from __future__ import annotations

import json
from pathlib import Path

from ..common.files import require_file_place, write_whole
from ..common.jinja import environment
from ..common.text import markdown as in_markdown
from .drift import Monitoring, against


def require_places(files: dict[str, Path | None]) -> None:
    """UsageError where one of the files cannot be written."""
    for path in filter(None, files.values()):
        require_file_place(path)


def write_files(result: Monitoring, files: dict[str, Path | None]) -> None:
    """Writes the files of these kinds: prometheus, json_lines, markdown, html; each whole or not at
    all.
    """
    texts = {"prometheus": prometheus_text, "json_lines": lines, "markdown": markdown, "html": html}
    for kind, path in files.items():
        if path:
            write_whole(path, texts[kind](result))


def lines(result: Monitoring) -> str:
    """One JSON object per window and line."""
    head = {"model": result.model.name, "id": f"{result.model.model_id:08x}", "log": result.log}
    return "".join(
        json.dumps({**head, **window.plain()}, allow_nan=False) + "\n" for window in result.windows
    )


def markdown(result: Monitoring) -> str:
    """A summary for a wiki page or a pull request."""
    rows = [
        f"| {w.first} .. {w.last} | {w.when or '-'} | {in_markdown(w.words())} |"
        for w in result.windows
    ]
    return "\n".join(
        [
            f"# {in_markdown(result.model.name)}: {in_markdown(result.log)}",
            "",
            f"**{result.verdict}**",
            *(f"\n{in_markdown(line)}" for line in result.bars_lines),
            "",
            "| rows | dates | beyond a limit |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def html(result: Monitoring) -> str:
    """The same summary as one page that needs nothing else: readable on a phone, light and dark."""
    checks, found = result.worst_of_quantities()
    rows = [
        {
            "name": name,
            "cells": [{"text": against(f), "bad": bool(f and f.violated)} for f in figures],
        }
        for name, figures in found
    ]
    return (
        environment("html")
        .get_template("report/monitor.html.j2")
        .render(
            model=result.model.name,
            log=result.log,
            verdict=result.verdict,
            good=result.good,
            checks=checks,
            rows=rows,
            window=result.window,
            windows=[
                {
                    "rows": f"{w.first} .. {w.last}",
                    "when": w.when,
                    "bad": bool(w.violations),
                    "words": w.words(),
                    "bar": min(round(50 * part), 100),
                    "part": f"{100 * part:.0f} %" if part <= 2 else "over 200 %",
                }
                for w, part in (
                    (w, max((f.part for f in w.figures), default=0.0)) for w in result.windows
                )
            ],
            notes=[*result.notes, *result.bars_lines],
        )
    )


def prometheus_text(result: Monitoring) -> str:
    """The newest window as gauges, in Prometheus' text format 0.0.4, for node_exporter's textfile
    collector.
    """
    newest, model = result.windows[-1], _label(result.model.name)
    metrics = {
        "tinygen_monitor_value": ("What a check found in the newest window", "value"),
        "tinygen_monitor_limit": ("The most that a check allows", "limit"),
    }
    out = []
    for name, (what, field) in metrics.items():
        out += [f"# HELP {name} {what}.", f"# TYPE {name} gauge"]
        out += [
            f'{name}{{model="{model}",check="{f.check}",quantity="{_label(f.quantity)}"}} '
            f"{float(getattr(f, field))!r}"
            for f in newest.figures
        ]
    totals: dict[str, tuple[str, float]] = {
        "tinygen_monitor_rows": ("Rows of the newest window", newest.rows),
        "tinygen_monitor_violations": (
            "Checks beyond their limit in the newest window",
            len(newest.violations),
        ),
        "tinygen_monitor_windows": ("Windows of the log", len(result.windows)),
        "tinygen_monitor_windows_violated": (
            "Windows beyond a limit",
            sum(bool(w.violations) for w in result.windows),
        ),
    }
    if result.covered:
        share = result.covered[0][1].share
        totals["tinygen_monitor_covered"] = ("Part of the references within the error bars", share)
    for name, (what, value) in totals.items():
        out += [
            f"# HELP {name} {what}.",
            f"# TYPE {name} gauge",
            f'{name}{{model="{model}"}} {value}',
        ]
    return "\n".join(out) + "\n"


def _label(words: str) -> str:
    return words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
