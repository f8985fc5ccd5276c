"""Whole recurrences as one compiled function, on processors with AMX tiles."""
