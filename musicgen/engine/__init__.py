"""Fast recurrence on the CPU. Start with recurrence.py; choice.py says when it is used."""
