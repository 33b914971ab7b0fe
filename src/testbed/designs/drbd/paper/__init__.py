"""The paper's claims about DRBD, measured on disks for that alone."""
