"""A module for each kind of work; its function `measure` returns a part of the report."""
