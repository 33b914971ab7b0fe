"""OpenBSD balancers: fetched and verified, installed unattended, sealed into an image."""
