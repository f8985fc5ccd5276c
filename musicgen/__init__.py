"""Sweeps of recurrent networks on folk tunes in ABC notation that say which change did what."""

__version__ = "0.1.0"
