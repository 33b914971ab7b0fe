"""PostgreSQL streaming replication: a synchronous standby, which the daemon that moves the address promotes."""
