"""OpenBSD's balancer-health: what it takes for unfit, what it asks of CARP, and what comes of it between two balancers.

The program is the node's own, run by this host's Perl; ifconfig(8) and the kernel's CARP are a model.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from openbsd_grammar.carp import Balancer, Network

IMAGES = Path(__file__).parents[2] / "images"
# Plays looks instead of looking: a line is the time, CARP's state, and what was seen. Answers with its commands.
PLAYER = r"""
$0 = shift;
require $0;
{ no warnings 'redefine'; *done = sub { push @commands, $_[0]; 1 }; }
recall();
$| = 1;
while (my $line = <STDIN>) {
    my ($now, $state, @seen) = split ' ', $line;
    @commands = ();
    ask_carp(decide($now, $state, map { split /=/ } @seen));
    print join(';', @commands), "\n";
}
"""
WELL = {"apache": True, "nodes": True, "neighbours": True, "peer": True}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program, beside the one that it loads."""
    source = IMAGES / "openbsd/site/usr/local/libexec/testbed/balancer-health"
    for path, file in (("bin", IMAGES / "lb/bin/balancer-manager"), ("libexec/testbed", source)):
        (tmp_path / path).mkdir(parents=True)
        shutil.copy(file, tmp_path / path)
    return tmp_path / "libexec/testbed/balancer-health"


class Health:
    """One balancer's health check.

    Args:
        program: its file.
        kept: where it remembers what it has asked of CARP.
    """

    def __init__(self, program: Path, kept: Path) -> None:
        self.told: list[str] = []
        self._process = subprocess.Popen(
            ["perl", "-e", PLAYER, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": "/usr/bin:/bin", "HEALTH_STATE": str(kept)},
        )  # fmt: skip

    def look(self, now: float, state: str, **seen: bool) -> list[str]:
        """The commands that follow from a look."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{now} {state} {' '.join(f'{name}={int(good)}' for name, good in seen.items())}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        while line.startswith("balancer-health: "):
            self.told.append(line.strip().removeprefix("balancer-health: "))
            line = self._process.stdout.readline()
        return [command for command in line.strip().split(";") if command]

    def end(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def start(program: Path, tmp_path: Path) -> Iterator[Callable[[str], Health]]:
    started: list[Health] = []

    def begin(name: str) -> Health:
        started.append(Health(program, tmp_path / f"{name}.health"))
        return started[-1]

    yield begin
    for each in started:
        each.end()


@pytest.mark.parametrize("what", ["apache", "nodes"])
def test_three_bad_looks_in_a_row_demote_and_three_good_ones_undo_it(start: Callable[[str], Health], what: str) -> None:
    health = start("lb1")
    assert health.look(0, "MASTER", **WELL) == ["ifconfig -g carp carpdemote 1"]
    answers = "001" + "000" + "110" + "111"
    commands = [health.look(number, "MASTER", **{**WELL, what: good == "1"}) for number, good in enumerate(answers, 1)]
    assert [number for number, each in enumerate(commands) if each] == [5, 11]
    assert (commands[5], commands[11]) == (["ifconfig -g carp carpdemote 2"], ["ifconfig -g carp -carpdemote 2"])
    assert len(health.told) == 2
    assert health.told[1] == f"{what}: well again"


def test_who_is_cut_off_takes_carp_down_and_comes_back_as_a_backup(start: Callable[[str], Health]) -> None:
    health = start("lb1")
    looks = [health.look(second, "MASTER", **{**WELL, "neighbours": False}) for second in range(3)]
    assert looks[2] == ["ifconfig -g carp carpdemote 2", "ifconfig carp0 down"]
    looks = [health.look(second, "INIT", **WELL) for second in range(3, 6)]
    assert looks == [[], [], ["ifconfig -g carp -carpdemote 2", "ifconfig carp0 up"]]


def test_what_was_not_seen_counts_for_nothing(start: Callable[[str], Health]) -> None:
    health = start("lb1")
    for second in range(2):
        health.look(second, "MASTER", **{**WELL, "apache": False})
    assert health.look(2, "MASTER", neighbours=True) == []
    assert health.look(3, "MASTER", **{**WELL, "apache": False}) == ["ifconfig -g carp carpdemote 2"]


def test_a_program_that_is_started_again_asks_for_nothing_twice(start: Callable[[str], Health]) -> None:
    health = start("lb1")
    for second in range(3):
        health.look(second, "MASTER", **{**WELL, "apache": False})
    health.end()
    # It knows nothing of bad looks, and takes back what its predecessor has asked for.
    assert start("lb1").look(3, "MASTER", **WELL) == ["ifconfig -g carp -carpdemote 2"]


# --- Between two balancers ------------------------------------------------------------------------------------------


class Site:
    """Two balancers with their health checks; lb1 serves. Each looks once a second, not at the same moment.

    Attributes:
        unwell: what is not well, by balancer.
    """

    def __init__(self, start: Callable[[str], Health]) -> None:
        self.lb1, self.lb2 = Balancer("lb1", 0), Balancer("lb2", 10)
        self.network = Network((self.lb1, self.lb2))
        self.unwell: dict[str, set[str]] = {"lb1": set(), "lb2": set()}
        self._health = {name: start(name) for name in ("lb1", "lb2")}
        self.run(40)
        assert (self.lb1.state, self.lb2.state) == ("MASTER", "BACKUP")

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.network.tick()
            for balancer, other, moment in ((self.lb1, self.lb2, 0), (self.lb2, self.lb1, 40)):
                if round(self.network.now * 100) % 100 == moment and not balancer.frozen:
                    self._look(balancer, other)

    def _look(self, balancer: Balancer, other: Balancer) -> None:
        bad = self.unwell[balancer.name]
        seen = {name: name not in bad or name in self.unwell[other.name] for name in ("apache", "nodes")}
        seen["neighbours"] = not balancer.cut
        seen["peer"] = not (balancer.cut or other.cut or other.frozen)
        for command in self._health[balancer.name].look(self.network.now, balancer.state, **seen):
            balancer.command(command, self.network.now)

    def owners(self, since: float) -> list[tuple[str, ...]]:
        """Who held the address in turn."""
        turns: list[tuple[str, ...]] = []
        for now, names in self.network.owners:
            if now > since and (not turns or turns[-1] != names):
                turns.append(names)
        return turns

    def seconds_of_two(self, since: float) -> float:
        """How long both held it and could be reached."""
        return sum(len(names) == 2 for now, names in self.network.owners if now > since) / 100


@pytest.fixture
def site(start: Callable[[str], Health]) -> Site:
    return Site(start)


@pytest.mark.parametrize("what", ["apache", "nodes"])
def test_an_unfit_balancer_gives_the_address_up_within_four_seconds_and_does_not_take_it_back(
    site: Site, what: str
) -> None:
    begun = site.network.now
    site.unwell["lb1"].add(what)
    site.run(4)
    assert (site.lb1.state, site.lb2.state) == ("BACKUP", "MASTER")
    site.run(16)
    site.unwell["lb1"].clear()
    site.run(60)
    assert site.owners(begun)[-1] == ("lb2",)
    assert site.owners(begun).count(("lb2",)) == 1
    assert site.seconds_of_two(begun) < 0.25


@pytest.mark.parametrize("what", ["apache", "nodes"])
def test_what_both_lack_moves_nothing(site: Site, what: str) -> None:
    begun = site.network.now
    for each in site.unwell.values():
        each.add(what)
    site.run(20)
    site.unwell["lb2"].clear()
    site.unwell["lb1"].clear()
    site.run(20)
    assert site.owners(begun) == [("lb1",)]


@pytest.mark.parametrize("seconds", [3.2, 3.4, 3.7, 4.0, 5, 12, 45])
def test_after_a_silent_cut_the_one_that_took_over_stays(site: Site, seconds: float) -> None:
    """lb1 is first in line: without the counter it would take the address from the one that serves."""
    begun = site.network.now
    site.lb1.cut = True
    site.run(seconds)
    assert site.lb2.state == "MASTER"
    site.lb1.cut = False
    healed = site.network.now
    site.run(60)
    assert site.owners(begun)[-1] == ("lb2",)
    assert ("lb1",) not in site.owners(healed)
    if seconds >= 5:  # it has found out that it is the one that is cut off, and has no state any more
        assert site.seconds_of_two(healed) == 0
    assert site.lb1.state == "BACKUP"


@pytest.mark.parametrize("seconds", [5, 45])
def test_a_balancer_that_thaws_gives_way_to_the_one_that_took_over(site: Site, seconds: float) -> None:
    begun = site.network.now
    site.lb1.frozen = True
    site.run(seconds)
    assert site.owners(begun)[-1] == ("lb2",)
    site.lb1.frozen = False
    thawed = site.network.now
    site.run(60)
    assert site.owners(thawed)[-1] == ("lb2",)
    assert ("lb1",) not in site.owners(thawed)
    assert site.seconds_of_two(thawed) < 0.25


def test_a_standby_that_is_cut_off_takes_nothing_when_it_is_back(site: Site) -> None:
    begun = site.network.now
    site.lb2.cut = True
    site.run(15)
    site.lb2.cut = False
    site.run(60)
    assert set(site.owners(begun)) == {("lb1",)}
    assert (site.lb1.demotion, site.lb2.demotion) == (1, 1)


def test_without_the_check_the_model_gives_the_address_back_to_the_first_in_line() -> None:
    """The hole that is closed: the model would show it."""
    lb1, lb2 = Balancer("lb1", 0), Balancer("lb2", 10)
    network = Network((lb1, lb2))
    for cut in (False, True, False):
        lb1.cut = cut
        for _ in range(1000):
            network.tick()
    assert (lb1.state, lb2.state) == ("MASTER", "BACKUP")
