"""Exit statuses of the probes' programs, for the host that starts them."""

# The table of writes cannot be read. A program error ends with 1, invalid options with 2.
UNREADABLE = 5
