"""Long trials of what must not break: each is a command whose figures stand in docs/reliability.md."""
