"""All time steps in one compiled call, on processors with AMX tiles. Only engine/scans.py imports it."""
