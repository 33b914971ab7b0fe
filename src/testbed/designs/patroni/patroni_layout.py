"""What a cluster of the Patroni design consists of."""

from __future__ import annotations

from testbed.designs.design_layout import DesignImage, DesignLayout, DesignProfile

# Its balancers and app nodes are those of the 2006 design. The arbiter is the third member of etcd.
PATRONI = DesignProfile("patroni", "PostgreSQL under Patroni and etcd", arbiters=1, like="reference")

LAYOUT = DesignLayout(
    name="patroni",
    profiles=(PATRONI,),
    images=(DesignImage("patroni", {"BASE": "vm", "SCHEMA": "/schema"}),),
    has_carp=False,
    daemons=("patroni", "etcd", "vip-manager"),
    logs=("patroni.log", "etcd.log", "vip-manager.log", "postgresql/postgresql-17-main.log"),
    passwords={"db": ("REPLICATION_PASSWORD", "REWIND_PASSWORD")},
)
