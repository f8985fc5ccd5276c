"""Trackers of runs: Comet, and history.csv."""
