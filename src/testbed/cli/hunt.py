"""``testbed hunt``: search for sequences of faults that the cluster does not survive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from testbed import settings as configuration
from testbed.cli.exit_status import ExitStatus
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, duration_option, print_json
from testbed.cli.output import out, progress
from testbed.cluster import Cluster, copy_verification, project
from testbed.cluster.lock import Use, hold
from testbed.cluster.mildest_repair import TROUBLE
from testbed.designs.design_registry import design_of
from testbed.errors import UsageError
from testbed.hunt import hunt_page
from testbed.hunt.draw import Generator
from testbed.hunt.hunt_store import NAME, PAGE, HuntSettings, HuntStore, find_hunt
from testbed.hunt.known_failures import find_known_failure
from testbed.hunt.play import ClusterPlayer
from testbed.hunt.search import Limits, Search
from testbed.hunt.sequence import format_steps
from testbed.settings import Settings

RUNS = 100
DRY_RUNS = 10
SEED = 2006


app = new_app()


@app.command(epilog=examples("testbed hunt --runs 100", "testbed hunt --for 8h --seed 7", "testbed hunt --dry-run"))
def hunt(
    *,
    runs: Annotated[
        int | None, typer.Option(help=f"End after so many sequences; {RUNS} when --for is not given.", min=1)
    ] = None,
    seconds: Annotated[
        float | None, duration_option("--for", help="End after so long, such as 8h.", least=1, show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(help=f"Seed of the sequences, {SEED} by default.", min=0)] = None,
    first: Annotated[
        int | None, typer.Option(help="Begin with this sequence, when another hunt played those before.", min=1)
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the hunt; by default date, profile and seed.")] = None,
    resume: Annotated[str | None, typer.Option(metavar="NAME", help="Go on with this hunt.")] = None,
    shrink_plays: Annotated[
        int, typer.Option(help="Plays that shrinking one kind of failure may take; 0: shrink nothing.", min=0)
    ] = 40,
    keep_passing: Annotated[bool, typer.Option("--keep-passing", help="Keep runs that pass, too.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help=f"Print the first {DRY_RUNS} sequences, or the first --runs; play nothing."),
    ] = False,
    rewrite: Annotated[str | None, typer.Option("--page", metavar="NAME", help="Write this hunt's page again.")] = None,
    as_json: Json = False,
) -> None:
    """Search for failures: play random sequences of faults, and shrink those that fail.

    Each sequence has two to four faults. It is drawn from the seed, judged by every check that needs no expectation,
    and healed; the cluster must be healthy then. A failure that is not known is shrunk and written as an incident file.
    Ctrl-C ends a hunt; --resume goes on with it.

    At the end both copies of the database are compared, block by block.

    Exit status: 0 no failure that is not known, 1 one was found or the copies differ, 2 usage, 3 a sequence could not
    be judged or the copies could not be compared, 4 testbed itself failed, 130 Ctrl-C.
    """
    settings = configuration.load()
    parent = settings.state_dir / "hunts"
    if rewrite is not None:
        store = HuntStore(find_hunt(rewrite, parent))
        _print_result(store, hunt_page.write(store), None, as_json=as_json)
        return
    _must_make_sense(resume, seed=seed, name=name, first=first)
    if dry_run:
        numbers = range(first or 1, (first or 1) + (runs or DRY_RUNS))
        sequences = _sequences(settings, parent, resume, SEED if seed is None else seed, numbers)
        if as_json:
            print_json(sequences)
            return
        for number, text in sequences.items():
            out.print(f"{number}: {escape(text)}", highlight=False)
        return
    with hold(settings, Use.EXCLUSIVE):
        if not project.exists(settings):
            raise UsageError("no cluster is up", fix="run `testbed up`")
        cluster = Cluster(settings)
        hunting = HuntSettings(
            seed=SEED if seed is None else seed, platform=cluster.platform, first=first or 1,
            runs=runs or (0 if seconds else RUNS), started=time.time(),
        )  # fmt: skip
        store = _store(parent, resume, hunting, name)
        if resume is not None and runs is not None:
            store.aim(runs)
        if not store.settings.runs and seconds is None:
            raise UsageError(f"the hunt {resume!r} has no number of sequences", fix="give --for or --runs")
        limits = Limits(store.settings.runs or inf, seconds or inf, shrink_plays)
        equal = _hunt(cluster, store, limits, keep_passing=keep_passing)
    _print_result(store, store.folder / PAGE, equal, as_json=as_json)
    if status := _exit_status(store, equal):
        raise typer.Exit(status)


def _must_make_sense(resume: str | None, *, seed: int | None, name: str | None, first: int | None) -> None:
    """Refuse options that exclude each other, and a name that cannot be a folder's."""
    given = [option for option, value in (("--seed", seed), ("--name", name), ("--first", first)) if value is not None]
    if resume is not None and given:
        raise UsageError(
            f"{given[0]} cannot be combined with --resume: the hunt {resume!r} keeps its own",
            fix="remove one of the two options",
        )
    if name is not None and not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a hunt's name", where="--name", fix="use letters, digits, -, _ and .")


def _exit_status(store: HuntStore, equal: bool | None) -> ExitStatus:
    """What a hunt ends with."""
    kinds = ((kind, play.taken) for play in store.plays for kind in play.kinds)
    if equal is False or any(
        not find_known_failure(kind, steps, store.settings.profile, store.settings.design) for kind, steps in kinds
    ):
        return ExitStatus.FAILED
    if equal is None or any(play.is_unknown for play in store.drawn().values()):
        return ExitStatus.UNKNOWN
    return ExitStatus.OK


def _hunt(cluster: Cluster, store: HuntStore, limits: Limits, *, keep_passing: bool) -> bool | None:
    """Search until a limit is reached, and write the page whatever happens.

    Returns:
        Whether both copies of the data are equal at the end, which no check of a run can show. None if they could not
        be compared. True if the database design has no copies that could be compared.
    """
    progress.print_line(f"hunt {store.folder.name}: seed {store.settings.seed}, profile {store.settings.profile}")
    player = ClusterPlayer(cluster, store.settings.seed, keep_passing=keep_passing, progress=progress)
    with _page_at_the_end(store) as verification:
        if repair := player.make_healthy():
            progress.print_line(f"  the cluster was not healthy: repaired by {repair}")
        Search(store, cluster.topology, player, limits, lambda text: progress.print_line(escape(text))).run()
        equal = None
        if reason := design_of(cluster.topology).why_no_comparison:
            verification.append(f"the copies were not compared, because {reason}")
            return True
        try:
            with progress.step("comparing both copies of the data"):
                found = copy_verification.verify(player.cluster)
        except TROUBLE as error:  # what the hunt found must not be lost by it
            verification.append(f"the copies were not compared: {error}")
        else:
            equal = found.equal
            verification.append("no block differs" if equal else f"they differ in {found.differing_kib} KiB")
        progress.print_line(f"  comparison of the two copies: {escape(verification[0])}")
    return equal


@contextmanager
def _page_at_the_end(store: HuntStore) -> Iterator[list[str]]:
    """Write the page with what was appended to the list: the comparison of the copies, if there was one."""
    verification: list[str] = []
    try:
        yield verification
    except KeyboardInterrupt:
        progress.print_line(f"  interrupted; go on with `testbed hunt --resume {store.folder.name}`")
        raise
    finally:
        progress.print_line(f"  page: {hunt_page.write(store, ' '.join(verification))}")


def _store(parent: Path, resume: str | None, hunting: HuntSettings, name: str | None) -> HuntStore:
    """The hunt that is asked for: one to go on with, or a new one."""
    if resume is None:
        default = time.strftime(f"%Y%m%d-%H%M%S-{hunting.profile}-{hunting.seed}")
        return HuntStore.create(parent / (name or default), hunting)
    store = HuntStore(find_hunt(resume, parent))
    for key, value in store.settings.platform.items():
        if hunting.platform.get(key) != value:
            raise UsageError(
                f"the hunt {resume!r} was played with {key} {value}, and this cluster has {hunting.platform.get(key)}",
                fix="bring up a cluster like the hunt's, or begin another hunt",
            )
    return store


def _sequences(settings: Settings, parent: Path, resume: str | None, seed: int, numbers: range) -> dict[int, str]:
    """The sequences of a hunt with these numbers, each in a line."""
    if resume is not None:
        seed = HuntStore(find_hunt(resume, parent)).settings.seed
    generator = Generator(Cluster(settings).topology)
    return {number: format_steps(generator.draw(seed, number)) for number in numbers}


def _print_result(store: HuntStore, path: Path, equal: bool | None, *, as_json: bool) -> None:
    """Print where the page is, or the result as JSON."""
    if not as_json:
        out.print(f"  page: {path}", highlight=False)
        return
    settings = store.settings
    failures = [
        {
            "sequence": play.number,
            "check": failure.check,
            "cause": failure.cause,
            "known": bool(find_known_failure(failure.kind, play.taken, settings.profile, settings.design)),
            "run": play.run,
        }
        for play in store.plays
        for failure in play.failures
    ]
    print_json({
        "hunt": store.folder.name,
        "page": str(path),
        "platform": store.settings.platform,
        "sequences": len(store.drawn()),
        "plays": len(store.plays),
        "unknown": sum(play.is_unknown for play in store.drawn().values()),
        "failures": failures,
        "found": [finding.model_dump(mode="json", exclude={"steps"}) for finding in store.findings],
        "copies_equal": equal,
    })  # fmt: skip
