"""Tunes drawn from a trained network."""
