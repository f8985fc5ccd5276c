"""What a user would write or run without this project. Nothing here imports musicgen."""
