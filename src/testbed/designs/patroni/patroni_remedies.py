"""What can be done for database nodes of the Patroni design that do not become healthy by themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testbed.designs.patroni.patroni_state import PatroniState
from testbed.designs.remedy import Remedy, RemedyAction

_SERVICES = "/etc/testbed-services/database"
_SERVICE = f"{_SERVICES}/patroni"
# Debian's unit does not start Patroni again when it has ended.
START = RemedyAction("start-patroni", "Patroni starts again", f"sv once {_SERVICE}")
# PostgreSQL runs on, and Patroni finds it as it is.
RESTART = RemedyAction("restart-patroni", "Patroni is restarted", f"sv kill {_SERVICE}; sleep 1; sv once {_SERVICE}")
# It looks who has the lock as it begins.
RELEASE = RemedyAction("restart-vip-manager", "vip-manager is restarted", f"sv restart {_SERVICES}/vip-manager")
RESUME = RemedyAction(
    "resume-patroni",
    "Patroni leaves maintenance mode",
    "setpriv --reuid postgres --regid postgres --init-groups patronictl -c /etc/patroni/17-main.yml resume",
)


def mild_remedies(databases: Iterable[PatroniState]) -> Iterator[Remedy]:
    """Return remedies that restart no node."""
    known = [each for each in databases if each.reachable]
    yield from (Remedy(each.node, START) for each in known if not each.patroni)
    yield from (Remedy(each.node, RESUME) for each in known if each.paused)
    # A node that holds the address and is not the primary, or that is the primary without it.
    for each in known:
        if each.vip_manager and each.etcd and each.holds_address is not (each.postgres_role == "primary"):
            yield Remedy(each.node, RELEASE)
    for each in known:
        if each.patroni and each.etcd and not each.uses_data and each.manager_state != "creating replica":
            yield Remedy(each.node, RESTART)
