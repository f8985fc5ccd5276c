"""The report of a study: what the figures say, what the tunes sound like, which songs are best."""
