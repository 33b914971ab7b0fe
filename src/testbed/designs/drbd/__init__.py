"""The design of 2006: a volume that DRBD replicates, and PostgreSQL on the node that has it mounted.

UCARP moves the address and promotes (profile ``reference``), or VRRP with an arbiter does (profile ``hardened``).
"""
