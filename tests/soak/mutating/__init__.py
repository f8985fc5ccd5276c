"""Parts of `python -m tests.soak.mutants`: the modules it changes, the changes, and one trial."""
