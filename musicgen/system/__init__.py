"""What knows the operating system, and nothing of music."""
