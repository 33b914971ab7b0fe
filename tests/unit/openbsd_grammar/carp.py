"""Two balancers of OpenBSD's CARP on one network, as a model that a health check's decisions can be tried on.

The rules are those of ``sys/netinet/ip_carp.c``: ``carp_proto_input_c`` (who gives way to an advertisement),
``carp_setrun`` (a backup waits three of its own intervals), ``carp_ifgattr_ioctl`` (a master whose demotion counter has
changed advertises at once) and ``carp_ioctl`` (an interface that is taken down has no state, one that comes up is a
backup). ``net.inet.carp.preempt`` is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TICK = 0.01


@dataclass
class Balancer:
    """One balancer's carp0.

    Args:
        name: its name.
        skew: its advskew.
        demotion: its group's demotion counter.
        state: MASTER, BACKUP or INIT.
        cut: its packets vanish on the clients' network.
        frozen: it stands still, and what comes waits for it.
        due: when it advertises (a master) or takes over (a backup).
    """

    name: str
    skew: int
    demotion: int = 0
    state: str = "BACKUP"
    cut: bool = False
    frozen: bool = False
    due: float = 0.0
    waiting: list[tuple[float, int]] = field(default_factory=list)

    @property
    def interval(self) -> float:
        """Seconds between its advertisements."""
        return 1 + self.skew / 256

    def enter(self, state: str, now: float) -> None:
        """Take a state, and set the timer that it has."""
        self.state = state
        self.due = now + (0 if state == "MASTER" else 3 * self.interval)

    def hear(self, interval: float, demotion: int, now: float) -> None:
        """An advertisement has come."""
        if self.state == "MASTER":
            if demotion < self.demotion or (interval <= self.interval and demotion <= self.demotion):
                self.enter("BACKUP", now)
        elif self.state == "BACKUP":
            self.enter("MASTER" if demotion > self.demotion else "BACKUP", now)

    def command(self, command: str, now: float) -> None:
        """Run a command of ifconfig(8)."""
        match command.split():
            case ["ifconfig", "-g", "carp", "carpdemote", number]:
                self.demotion += int(number)
            case ["ifconfig", "-g", "carp", "-carpdemote", number]:
                self.demotion -= int(number)
            case ["ifconfig", "carp0", "down"]:
                self.state = "INIT"
            case ["ifconfig", "carp0", "up"]:
                self.enter("BACKUP", now)
            case _:
                raise ValueError(command)
        if self.demotion < 0:
            raise ValueError(f"{self.name}: {command}: the counter is below zero")
        if self.state == "MASTER":
            self.due = now


@dataclass
class Network:
    """Both of them.

    Attributes:
        now: seconds.
        owners: at each tick the names of those that hold the address and can be reached.
    """

    balancers: tuple[Balancer, Balancer]
    now: float = 0.0
    owners: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    def tick(self) -> None:
        """Let a hundredth of a second pass."""
        self.now = round(self.now + TICK, 2)
        for one, other in (self.balancers, self.balancers[::-1]):
            if one.frozen:
                continue
            heard, one.waiting = one.waiting, []
            for interval, demotion in heard:
                one.hear(interval, demotion, self.now)
            if one.state != "INIT" and self.now >= one.due:
                one.state, one.due = "MASTER", self.now + one.interval
                if not one.cut and not other.cut:
                    other.waiting.append((one.interval, one.demotion))
        held = [each.name for each in self.balancers if each.state == "MASTER" and not each.cut and not each.frozen]
        self.owners.append((self.now, tuple(held)))
