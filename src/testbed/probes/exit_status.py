"""Exit statuses of the probes' programs, for the host that starts them."""

# The table of writes cannot be read. A program that breaks ends with 1, one that is told nonsense with 2.
UNREADABLE = 5
