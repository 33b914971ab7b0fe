"""What a VM that is installed over the network asks for, laid out: by TFTP the boot loader, by HTTP all the rest.

pxeboot(8) asks for ``/etc/boot.conf`` and then for the kernel named there. The installer derives the name of its
response file from the boot file's, ``auto_install`` (autoinstall(8)); it reads the names of the files in
SHA256.sig, and in ``index.txt`` the names that SHA256.sig lacks, such as the site set (distrib/miniroot/install.sub
1.1292, install_http).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from testbed.openbsd.install.response_file import DISKLABEL, FOLDER
from testbed.openbsd.media import Media

BOOT_FILE = "auto_install"
# The console is the first serial line, or the installer would ask on a screen that does not exist.
_BOOT_CONF = "stty com0 115200\nset tty com0\nboot tftp:bsd.rd\n"


@dataclass(frozen=True)
class Tree:
    """What is served.

    Args:
        tftp: root folder of the TFTP server.
        http: root folder of the web server.
    """

    tftp: Path
    http: Path


def write(folder: Path, media: Media, response: str, disklabel: str, site: Path) -> Tree:
    """Lay out what an installation asks for; files of the release are linked where that can be done.

    Args:
        folder: a new folder, made.
        media: the release's files and packages, verified.
        response: the response file.
        disklabel: the disk's layout.
        site: the site set; keeps its name.

    Returns:
        The roots of both servers.
    """
    tree = Tree(folder / "tftp", folder / "http")
    _link(media.files["pxeboot"], tree.tftp / BOOT_FILE)
    _link(media.files["bsd.rd"], tree.tftp / "bsd.rd")
    _text(tree.tftp / "etc" / "boot.conf", _BOOT_CONF)
    _text(tree.http / "install.conf", response)
    _text(tree.http / DISKLABEL, disklabel)
    sets = tree.http / FOLDER / media.release.path
    for name, path in media.files.items():
        _link(path, sets / name)
    _link(site, sets / site.name)
    _text(sets / "index.txt", _index(sets.iterdir()))
    packages = tree.http / FOLDER / media.release.packages_path
    packages.mkdir(parents=True, exist_ok=True)
    for name, path in media.packages.items():
        _link(path, packages / name)
    return tree


def _index(files: Iterable[Path]) -> str:
    """Return lines as ``ls -l`` writes them: the installer takes the last word of each."""
    lines = []
    for path in sorted(files):
        found = path.stat()
        day = time.strftime("%b %d %H:%M:%S %Y", time.gmtime(found.st_mtime))
        lines.append(f"-rw-r--r--  1 0  0  {found.st_size} {day} {path.name}\n")
    return "".join(lines)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:  # another filesystem, or one without links
        shutil.copyfile(source, target)


def _text(target: Path, content: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)
