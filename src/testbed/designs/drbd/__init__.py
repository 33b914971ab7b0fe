"""The design of 2006: a volume that DRBD replicates, and PostgreSQL on the node that has it mounted.

The daemon that moves the address promotes (profile ``reference``), or asks an arbiter first (profile ``hardened``).
"""
