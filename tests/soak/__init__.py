"""Long trials of the promises in docs/reliability.md; each is a command, which that page names."""
