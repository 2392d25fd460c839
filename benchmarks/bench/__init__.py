"""Tinygen beside other generators, in one run on the same rows: `make bench`.

tasks.TASKS -> grid.CONFIGURATIONS, each fitted once -> peers.PEERS and ours -> measure.measured ->
verdicts -> show. The rows of a run are saved in results/bench/, one file for each task; what is
there already, of the same sources, is not measured again.
"""
