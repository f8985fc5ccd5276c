"""The training loop and its files. Start with loop.py."""
