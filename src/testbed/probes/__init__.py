"""Probes: they ask a service at a fixed rate, from outside, and record every answer in a journal."""
