"""What is on disk about runs."""
