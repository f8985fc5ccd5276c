"""Searches for the lowest validation loss: what is tried, by whom, for how long, and what came of it."""
