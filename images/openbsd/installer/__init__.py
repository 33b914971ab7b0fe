"""Boots the machine that becomes an OpenBSD node, from a network of its own, then from its disk; packs the disk."""
