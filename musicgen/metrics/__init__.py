"""Metrics of tunes: validity, similarity, diversity, originality and structure, each beside its reference.

Read `registry.py` for the names, one module a family for the formulas, and `evaluation.py` for the whole.
"""
