"""Many runs: design, plan, launch, finish."""
