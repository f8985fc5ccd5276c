"""What `python -m soaks.mutants` is made of: the modules it changes, the changes, and the trial of one."""
