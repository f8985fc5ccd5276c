"""Sampling tunes from a trained network."""
