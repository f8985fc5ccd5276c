"""One run, from config to songs."""
