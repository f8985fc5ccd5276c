"""Metrics of tunes: validity, similarity, diversity, originality and structure, each with a reference.

`registry.py` lists the names, each family's module has the formulas, and `evaluation.py` computes them all.
"""
