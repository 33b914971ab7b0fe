"""Runs one virtual machine as the only thing its container does."""
