"""Tinygen beside other generators, in one run on the same rows: `make bench`.

tasks.TASKS -> grid.CONFIGURATIONS, fitted with a seed -> theirs and ours -> measure.measured ->
verdicts -> show. What is measured is saved in results/bench/, one file for each task; what is there
already, of the same sources, is not measured again (parts.py).
"""
