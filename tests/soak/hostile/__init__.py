"""Commands must survive damaged and malicious files: `python -m tests.soak.hostile`."""
