"""What a cluster of the DRBD design consists of."""

from __future__ import annotations

from testbed.designs.design_layout import DesignImage, DesignLayout, DesignProfile

# The 2006 design as it was, and with its known holes closed.
REFERENCE = DesignProfile("reference", "the 2006 design")
HARDENED = DesignProfile("hardened", "the 2006 design with its known weaknesses fixed", arbiters=1)

LAYOUT = DesignLayout(
    name="drbd",
    profiles=(REFERENCE, HARDENED),
    images=(
        DesignImage("guest", {"BASE": "base", "PRELOAD": "/preload"}),
        DesignImage("db", {"VM": "/vm", "GUEST": "/guest", "SCHEMA": "/schema"}, has_filesystem=True),
        DesignImage("arbiter", {"BASE": "base"}),
    ),
    has_filesystem=True,
    passwords={"db": ("ARBITER_SECRET",), "arbiter": ("ARBITER_SECRET",)},
    # Compose drops their capabilities, and adds the group (cap_drop, group_add).
    group_folders=frozenset({"db", "arbiter"}),
)
