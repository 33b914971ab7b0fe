"""Probes: they query a service from outside at a fixed rate, and record each answer in the journal."""
