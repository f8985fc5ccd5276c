"""Files that are damaged or made to do harm, given to the commands; `python -m tests.soak.hostile`."""
