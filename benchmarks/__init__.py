"""Benchmarks of the project against what people would use instead: `python -m benchmarks`."""
