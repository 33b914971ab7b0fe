"""The commands of the program: name, panel and summary, known without importing what a command needs.

``testbed --help`` prints this table. A command's module is imported when the command is called. A unit test compares
each summary with the first paragraph of the command's own help.
"""

from __future__ import annotations

from dataclasses import dataclass

CLUSTER = "Cluster"
EXPERIMENTS = "Experiments"
RESULTS = "Results"
OPERATIONS = "Operations"
DEVELOPMENT = "Development"


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """One line of ``testbed --help``.

    Attributes:
        name: what the user types.
        panel: the heading under which it is listed.
        summary: its first line of help.
        modules: the modules below ``testbed.cli`` that define it; the first one has its ``app``.
    """

    name: str
    panel: str
    summary: str
    modules: tuple[str, ...]


def _entry(panel: str, name: str, summary: str, *modules: str) -> CommandEntry:
    return CommandEntry(name, panel, summary, modules or (name.replace("-", "_"),))


COMMANDS: tuple[CommandEntry, ...] = (
    _entry(CLUSTER, "doctor", "Check this computer, and print how to fix what is missing."),
    _entry(CLUSTER, "up", "Bring the cluster up: install, build, start and repair what is needed."),
    _entry(CLUSTER, "down", "Remove the cluster; images, logs and runs stay."),
    _entry(CLUSTER, "reset", "Bring the cluster back to the state of a new one, whatever its condition."),
    _entry(CLUSTER, "status", "Show each node's power, address and role, and the faults in force."),
    _entry(CLUSTER, "inspect", "Show a node's role, image, container, addresses, state and faults, or list all nodes."),
    _entry(CLUSTER, "graph", "Draw the nodes and networks, with what each node does now."),
    _entry(CLUSTER, "logs", "Show the nodes' logs, merged by the host's clock."),
    _entry(CLUSTER, "exec", "Run a command as root on a node and end with its exit status."),
    _entry(CLUSTER, "cp", "Copy a file to a node, or from a node."),
    _entry(CLUSTER, "console", "Attach to a VM's serial console; Ctrl-] leaves it."),
    _entry(CLUSTER, "open", "Open the webmail, Locust's web UI or the latest report in a browser."),
    _entry(
        CLUSTER,
        "app",
        "Write the folder of an application of your own; `testbed up --app FOLDER` then runs it.",
        "application_folder",
    ),
    _entry(EXPERIMENTS, "run", "Play incidents on the running cluster; each run gets a report."),
    _entry(EXPERIMENTS, "incidents", "List incident files: what happens, and how long it takes."),
    _entry(EXPERIMENTS, "validate", "Check incident files, and play nothing."),
    _entry(EXPERIMENTS, "faults", "List the faults that can be injected, and those in force."),
    _entry(EXPERIMENTS, "probes", "List the probes that run in every run, with those that you declared."),
    _entry(EXPERIMENTS, "fault", "Inject a fault into a node; it stays in force until `testbed heal`."),
    _entry(EXPERIMENTS, "heal", "Heal all faults, and bring the cluster back to health."),
    _entry(EXPERIMENTS, "load", "Send webmail users to the site: with Locust's web UI, or headless."),
    _entry(EXPERIMENTS, "capture", "Record packets of a node or a network to a pcap file, until a limit or Ctrl-C."),
    _entry(EXPERIMENTS, "hunt", "Search for failures: play random sequences of faults, and shrink those that fail."),
    _entry(RESULTS, "runs", "List the runs, oldest first, with verdicts and key figures."),
    _entry(RESULTS, "report", "Judge a run from its journal, and write its report."),
    _entry(RESULTS, "compare", "Compare two runs, or their series: what got better or worse."),
    _entry(RESULTS, "bundle", "Collect what explains a problem into a file for a bug report, without secrets."),
    _entry(OPERATIONS, "pool", "List, drain, weigh, remove and add the app nodes of an application."),
    _entry(OPERATIONS, "resign", "Hand a node's virtual address over to its peer, as before maintenance."),
    _entry(OPERATIONS, "roll", "Restart or upgrade every node in turn, under load."),
    _entry(OPERATIONS, "backup", "Write the database's volume to a file while it is in use."),
    _entry(OPERATIONS, "restore", "Replace the database's volume by a backup."),
    _entry(OPERATIONS, "resolve", "Resolve a split brain, and read the data that was discarded."),
    _entry(OPERATIONS, "verify-copies", "Compare both copies of the database, block by block; it takes minutes."),
    _entry(DEVELOPMENT, "build", "Build the images whose sources changed."),
    _entry(DEVELOPMENT, "openbsd", "Install OpenBSD for the balancers, and verify it."),
    _entry(DEVELOPMENT, "verify", "Play the balancers' incidents, and print a page to paste into an issue."),
    _entry(
        DEVELOPMENT,
        "bench",
        "Measure failovers, the cost of measuring, and the load.",
        "bench",
        "bench_work",
        "bench_paper",
        "bench_speed",
        "bench_scale",
    ),
    _entry(DEVELOPMENT, "schema", "Print a JSON schema of the files that people and programs write."),
)
