"""Trials in bulk: an incident played again and again, unattended, and what the trials show together."""
