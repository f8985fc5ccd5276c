"""A page to play with a run's network: draw a tune, continue it, keep it."""
