"""``testbed build``: the images, and only those that changed."""

from __future__ import annotations

from typing import Annotated

import typer

from testbed import settings as configuration
from testbed import topology
from testbed.cli.group import examples, new_app
from testbed.cli.output import progress
from testbed.cluster import node_folders
from testbed.cluster.shape import remembered
from testbed.host import engine
from testbed.images import build_images

app = new_app()


@app.command(epilog=examples("testbed build", "testbed build lb app", "testbed build --fresh"))
def build(
    images: Annotated[list[str] | None, typer.Argument(help="Images such as lb or db; none means all.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Build again from Debian's newest packages.")] = False,
) -> None:
    """Build the images whose sources changed.

    The images that they are based on are built first.
    """
    settings = configuration.load()
    node_folders.must_be_usable(settings)
    engine.ensure(settings, progress.print_line)
    cluster = topology.load([settings.topology], remembered(settings).environment(settings))
    built = build_images(settings, cluster, progress, names=images or (), fresh=fresh)
    progress.print_line(f"built {', '.join(built)}" if built else "all images are up to date")
