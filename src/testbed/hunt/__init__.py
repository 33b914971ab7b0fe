"""The search for failures: random sequences of faults, played, shrunk, and grouped by what failed."""
