"""A release's files: from a mirror, a folder or an install image; nothing is used before it is verified."""

from testbed.openbsd.media.gather import gather, need_tools
from testbed.openbsd.media.media import SIGNATURE, Media
from testbed.openbsd.media.source import Directory, InstallImage, Mirror, Source

__all__ = ["SIGNATURE", "Directory", "InstallImage", "Media", "Mirror", "Source", "gather", "need_tools"]
