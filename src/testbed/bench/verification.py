"""Do the balancers of another platform keep their promises on this machine? Incidents, played, in one page to paste.

testbed's own build machines reach no OpenBSD mirror. Users with a mirror run this, and paste the page into an issue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from testbed.addresses import kernel_carp
from testbed.balancers.balancer_registry import SERVER
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.incidents.cluster_loader import load_for_cluster
from testbed.incidents.runner import play_repeats
from testbed.progress import PrintLine
from testbed.recorder.run_artifacts import collect_versions
from testbed.report.summary import Summary, load_summary
from testbed.topology import Role

# What strikes a balancer, or needs both to agree: each failover of the site, the pool, and the paper's experiment.
INCIDENTS = (
    "balancer-power-loss",
    "balancer-cable-pull",
    "balancer-frozen",
    "balancer-apache-killed",
    "app-power-loss",
    "paper-2006",
)
# What a balancer says of itself: its system, its address, its packet filter, its server.
QUESTIONS: Mapping[str, Sequence[tuple[str, ...]]] = {
    "openbsd": (
        ("uname", "-a"),
        ("ifconfig", kernel_carp.INTERFACE),
        ("pfctl", "-sr"),
        SERVER.version_commands["openbsd"],
    ),
    "debian": (
        ("uname", "-a"),
        ("ip", "-o", "-4", "addr"),
        ("nft", "list", "ruleset"),
        SERVER.version_commands["debian"],
    ),
}


@dataclass(frozen=True, slots=True)
class PlayedIncident:
    """An incident, played.

    Attributes:
        name: the incident's.
        summary: what came of it, None when testbed itself failed.
        error: why it failed.
    """

    name: str
    summary: Summary | None
    error: str

    @property
    def verdict(self) -> str:
        """In one word."""
        return self.summary.verdict if self.summary else "error"

    @property
    def exit_status(self) -> int:
        """What a command that played only this ends with."""
        return self.summary.exit_status if self.summary else TestbedError.exit_status


def play(cluster: Cluster, names: Sequence[str], print_line: PrintLine) -> Iterator[PlayedIncident]:
    """Play incidents, one after the other; one that breaks does not keep the others from being played.

    Args:
        cluster: a cluster that is up.
        names: the incidents.
        print_line: called with a line for each step.

    Yields:
        Each when it is judged.
    """
    for name in names:
        summary, error = None, ""
        try:
            for result in play_repeats(
                cluster, load_for_cluster(name, cluster.settings), print_line=print_line, repeat=1
            ):
                summary = load_summary(result.folder)
        except TestbedError as broken:
            error = str(broken)
        yield PlayedIncident(name, summary, error)


def balancer_answers(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """What each balancer says of itself.

    Yields:
        The question with the balancer's name before it, and the answer.
    """
    for machine in cluster.fleet.machines(Role.BALANCER):
        for question in QUESTIONS[machine.node.keys.platform]:
            with suppress(TestbedError):
                result = machine.exec(question, timeout=20)
                yield f"{machine.name}: {' '.join(question)}", (result.stdout + result.stderr).strip()


def run_versions(cluster: Cluster) -> dict[str, Any]:
    """Versions of everything that ran."""
    return collect_versions(cluster, cluster.fleet.machines())


def format_issue(
    platform: str,
    versions: Mapping[str, Any],
    stages: Sequence[tuple[str, float]],
    played: Sequence[PlayedIncident],
    answers: Sequence[tuple[str, str]],
) -> str:
    """The page to paste into an issue, in Markdown.

    Args:
        platform: what balanced, with its release.
        versions: of testbed, the host and the engine, as a run keeps them.
        stages: what was done before the incidents, with the seconds each took.
        played: the incidents.
        answers: what the balancers said of themselves.
    """
    own, host = versions.get("testbed", {}), versions.get("host", {})
    good = sum(each.verdict == "pass" for each in played)
    lines = [
        f"## testbed on this machine: {platform} balancers",
        "",
        f"{good} of {len(played)} incidents passed.",
        "",
        f"- testbed {own.get('version', '')} {own.get('commit', '')}".rstrip(),
        f"- {host.get('system', '')}, Linux {host.get('kernel', '')}, {host.get('processors', '?')} processors",
        f"- Docker {host.get('docker', '')}, QEMU {versions.get('qemu', '')}, {versions.get('accel', '')}",
        *(f"- {name}: {seconds:.0f} s" for name, seconds in stages),
        "",
        "| incident | verdict | tcp | https | webmail | the site's failover |",
        "|---|---|---|---|---|---|",
        *(_row(each) for each in played),
    ]
    for each in played:
        wrong = [check for check in each.summary.checks if check.status != "pass"] if each.summary else []
        lines += [f"\n{each.name}: {check.name} {check.status}: {check.summary}" for check in wrong]
        lines += [f"\n{each.name}: {each.error}"] if each.error else []
    for question, answer in answers:
        lines += ["", f"<details><summary>{question}</summary>", "", "```", answer, "```", "", "</details>"]
    return "\n".join(lines) + "\n"


def _row(played: PlayedIncident) -> str:
    if played.summary is None:
        return f"| {played.name} | error | | | | |"
    cells = [_outage(played.summary, probe) for probe in ("tcp", "https", "webmail")]
    return f"| {played.name} | {played.verdict} | {' | '.join(cells)} | {_failover(played.summary)} |"


def _outage(summary: Summary, probe: str) -> str:
    found = summary.outages.get(probe)
    if found is None:
        return "?"
    if not found.count:
        return "-"
    return "no end" if found.longest is None else f"{found.longest:.2f} s"


def _failover(summary: Summary) -> str:
    lines = []
    for each in summary.phases:
        if each.resource == "site":
            phases = ", ".join(f"{name} {seconds:+.2f}" for name, seconds in each.seconds.items())
            lines.append(f"{each.source} to {each.target}: {phases}")
    return "; ".join(lines)
