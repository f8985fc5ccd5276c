"""Coverage-guided fuzzing of the readers of foreign files: `python -m tests.soak.fuzzing READER`."""
