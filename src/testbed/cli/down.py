"""``testbed down``: nothing stays behind."""

from __future__ import annotations

from testbed import settings as configuration
from testbed.cli.main import app
from testbed.cli.output import progress
from testbed.cluster import lifecycle
from testbed.cluster.project import GhostEndpointsError
from testbed.host import engine, neighbours


@app.command()
def down() -> None:
    """Remove the cluster: containers, networks, volumes, sockets and secrets; images, logs and runs stay.

    Another checkout's cluster of the same name is left alone.
    """
    settings = configuration.load()
    try:
        client = engine.client()
    except engine.NoEngineError:
        progress.say("no Docker engine runs, so no cluster does")
        lifecycle.forget(settings)
        return
    neighbours.must_be_ours(client, settings)
    try:
        with progress.step("removing containers, networks and volumes"):
            lifecycle.down(settings)
    except GhostEndpointsError as ghosts:
        progress.say(f"  {ghosts.what}; a restart of the engine mends that")
        if not engine.stop_if_ours(settings, progress.say):
            raise
        engine.ensure(settings, progress.say)
        lifecycle.down(settings)
    engine.stop_if_ours(settings, progress.say)
