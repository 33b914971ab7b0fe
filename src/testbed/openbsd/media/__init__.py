"""A release's files: from a mirror, a folder or an install image; nothing is used before it is verified."""

from testbed.openbsd.media.file_source import Directory, FileSource, InstallImage, Mirror
from testbed.openbsd.media.gather import gather, need_tools
from testbed.openbsd.media.release_files import SIGNATURE, Media

__all__ = ["SIGNATURE", "Directory", "FileSource", "InstallImage", "Media", "Mirror", "gather", "need_tools"]
