"""What a probe is, and how it is prepared from the command line of the probes' program."""

from __future__ import annotations

import argparse
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple, TypeVar, cast

from testbed.probes.open_loop import Probe, SampleCallback
from testbed.probes.tcp_connect import Address, resolve

T = TypeVar("T")


class PreparedProbe(NamedTuple):
    """A probe that is ready to begin.

    Args:
        probe: the probe.
        outstanding: how many of its samples may be under way at once.
    """

    probe: Probe
    outstanding: int


@dataclass
class ProbeSetup:
    """What probes are prepared from.

    Args:
        options: the parsed command line.
        intervals: seconds between two samples, of each probe that is to run.
        run: identity of this run of the program: letters and digits, unique in the world.
    """

    options: argparse.Namespace
    intervals: Mapping[str, float]
    run: str
    _shared: dict[str, object] = field(default_factory=dict)

    @cached_property
    def site_address(self) -> Address:
        """The address of the site.

        Raises:
            NoAddressError: its name has none.
        """
        return resolve(self.options.site, self.options.site_port)

    def shared(self, key: str, make: Callable[[], T]) -> T:
        """Return what several probes share, such as a pool of sessions; the first call makes it."""
        if key not in self._shared:
            self._shared[key] = make()
        return cast("T", self._shared[key])


class RegisteredProbe(ABC):
    """A probe that users can name.

    All that testbed knows of a probe stands in its class. To add one, write its file, and add a line to the registry.

    Attributes:
        name: what the user types, and the journal records.
        summary: what it does, in one line.
        unit: what one sample is.
        interval: seconds between two samples.
        hunt_interval: seconds between two samples in a hunt; 0: the same. A hunt does not measure how long an outage
            lasts. With emulated VMs, the usual rate takes half of the cluster's processor time.
        runs_on: the role of the container that it runs in.
        resources: what must work for a good sample; the one whose failover explains an outage best comes first.
        dates: the phase of a failover that its first good sample dates; empty: none.
        last_part: the last part of its outage, in the sentence that explains the longest outage.
        is_visit: whether one sample is several requests, so that it dates the last good reply less exactly than others.
        reaches_app_nodes: whether its requests have a balancer try the app nodes.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    unit: ClassVar[str]
    interval: ClassVar[float]
    hunt_interval: ClassVar[float] = 0
    runs_on: ClassVar[Literal["client", "observer"]]
    resources: ClassVar[tuple[Literal["site", "database"], ...]]
    dates: ClassVar[str] = ""
    last_part: ClassVar[str] = "until the first good answer"
    is_visit: ClassVar[bool] = False
    reaches_app_nodes: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def prepare(cls, setup: ProbeSetup) -> PreparedProbe:
        """Return the probe, ready to begin.

        Raises:
            NoAddressError: its host has no address.
            OSError: certificates or secrets cannot be read.
            ValueError: the password is not among the secrets.
        """

    @abstractmethod
    def begin(self, due: float, done: SampleCallback) -> None:
        """Begin one sample.

        Args:
            due: when it was due, monotonic seconds.
            done: called exactly once, from the loop's thread, with the sample.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close connections; no sample is under way."""


def samples_within(seconds: float, interval: float) -> int:
    """Return how many samples can be under way at once if each takes at most ``seconds``."""
    return math.ceil(seconds / interval) + 2
