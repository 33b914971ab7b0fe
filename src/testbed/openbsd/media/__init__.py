"""A release's files: from a mirror, a folder or an install image; nothing is used before it is verified."""

from testbed.openbsd.media.media import Media

__all__ = ["Media"]
