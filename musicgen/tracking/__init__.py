"""Where a run's numbers, sounds and pictures go."""
