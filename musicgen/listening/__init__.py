"""Blind listening: what is heard, by whom, in which order, what was said of it, and what follows."""
