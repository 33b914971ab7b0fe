"""Patroni with etcd: two nodes with PostgreSQL, the third member of etcd elsewhere, and vip-manager for the address."""
