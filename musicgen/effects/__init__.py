"""What a change did: pairs, intervals, verdicts."""
