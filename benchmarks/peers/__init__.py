"""What a user would write or run without this project. Nothing in here imports it."""
