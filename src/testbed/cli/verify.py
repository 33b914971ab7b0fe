"""``testbed verify``: play the incidents that show a platform's balancers at work, and write a page to paste."""

from __future__ import annotations

import time
from collections.abc import Sequence

import typer
from rich.markup import escape

from testbed import settings as configuration
from testbed.bench import verification
from testbed.cli.exit_status import worst
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Json, print_json
from testbed.cli.output import out, progress
from testbed.cluster import Cluster, project
from testbed.cluster.lock import Use
from testbed.errors import UsageError
from testbed.topology import Role

app = new_app()


@app.command(epilog=examples("testbed verify"))
@holds(Use.EXCLUSIVE)
def verify(as_json: Json = False) -> None:
    """Play the balancers' incidents, and print a page to paste into an issue.

    They are played on the cluster that is up.

    Exit status: 0 all passed, 1 one failed, 3 one could not be judged, 4 testbed itself failed.
    """
    settings = configuration.load()
    if not project.exists(settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    raise typer.Exit(report(Cluster(settings), [], as_json=as_json))


def report(cluster: Cluster, stages: Sequence[tuple[str, float]], *, as_json: bool = False) -> int:
    """Play the incidents, print and keep the page.

    Args:
        cluster: a cluster that is up.
        stages: what was done before, with the seconds it took.
        as_json: print the verdicts as JSON instead of the page.

    Returns:
        The exit status that it calls for.
    """
    played = []
    for each in verification.play(
        cluster, verification.INCIDENTS, lambda text: progress.print_line(f"  {escape(text)}")
    ):
        progress.print_line(f"{each.name}: {each.verdict}{f' ({escape(each.error)})' if each.error else ''}")
        played.append(each)
    platform = " and ".join(sorted({node.keys.platform for node in cluster.topology.of_role(Role.BALANCER)}))
    answers = list(verification.balancer_answers(cluster))
    text = verification.format_issue(platform, verification.run_versions(cluster), stages, played, answers)
    path = cluster.settings.state_dir / "bench" / time.strftime("verify-%Y%m%d-%H%M%S.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if as_json:
        incidents = [{"incident": each.name, "verdict": each.verdict, "error": each.error} for each in played]
        print_json({"page": str(path), "platform": platform, "incidents": incidents})
    else:
        out.print(text, markup=False, highlight=False)
    progress.print_line(f"  the page: {path}")
    return worst([each.exit_status for each in played])
