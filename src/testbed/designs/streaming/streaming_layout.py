"""What a cluster of the streaming design consists of."""

from __future__ import annotations

from testbed.designs.design_layout import DesignImage, DesignLayout, DesignProfile

# Its balancers and app nodes are those of the 2006 design.
STREAMING = DesignProfile("streaming", "PostgreSQL's own replication", like="reference")

LAYOUT = DesignLayout(
    name="streaming",
    profiles=(STREAMING,),
    images=(DesignImage("streaming", {"BASE": "vm", "PRELOAD": "/preload", "SCHEMA": "/schema"}),),
    passwords={"db": ("REPLICATION_PASSWORD",)},
)
