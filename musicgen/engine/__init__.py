"""The recurrence on the CPU: cells, kernels, products."""
