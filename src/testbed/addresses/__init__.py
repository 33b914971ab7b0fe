"""What moves a virtual address from node to node: one module a mechanism. Pure, and below ``topology/``."""
