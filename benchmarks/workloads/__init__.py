"""A module for each kind of work that is measured; every `measure` returns a part of the report."""
