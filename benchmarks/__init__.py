"""What the project costs, measured beside what people would use instead: `python -m benchmarks`."""
