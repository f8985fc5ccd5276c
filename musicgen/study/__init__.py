"""What makes runs comparable: their identity, their store and their records."""
