"""An unattended installation: what the installer asks, what it is answered, and what it is given on top of OpenBSD."""
