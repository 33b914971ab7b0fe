"""PostgreSQL streaming replication: two nodes, a synchronous standby, and UCARP, which promotes it."""
