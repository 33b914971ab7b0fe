"""What runs of the DRBD design record, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, ClassVar

from testbed.designs.drbd.drbd_aspect import DrbdAspect
from testbed.designs.recorded_design import RecordedDesign, ReplicationBreak, Tone

if TYPE_CHECKING:
    from testbed.checks.states import Span, Timelines

# One line holds all that changed at a moment: "peer( Unknown -> Secondary ) conn( WFReportParams -> Connected ) ..."
_CHANGE = re.compile(r"\b(role|conn|disk|pdsk)\( \S+ -> (\S+) \)")
# drbd_receiver.c: "Split-Brain detected, 1 primaries, automatically solved. Sync from peer node"; or manually solved.
_SOLVED = re.compile(
    r"Split-Brain detected, (?:(\d) primaries, )?(automatically|manually) solved\. Sync from (this|peer) node"
)
SOLVED = "split-brain-solved"
# Aspects of DRBD by the names that its kernel module uses (drbd 8.4, drbd_state.c).
_ASPECTS = {
    "role": DrbdAspect.ROLE,
    "conn": DrbdAspect.CONNECTION,
    "disk": DrbdAspect.DISK,
    "pdsk": DrbdAspect.PEER_DISK,
}
# While DRBD compares both copies (drbdsetup(8), verify) they stay connected, and every write goes to both.
COMPARING = ("VerifyS", "VerifyT")


class RecordedDrbd(RecordedDesign):
    """DRBD's role, connection and disks, and the mount."""

    primary = (DrbdAspect.ROLE, "Primary")
    healthy: ClassVar[Mapping[str, str]] = {DrbdAspect.CONNECTION: "Connected", DrbdAspect.DISK: "UpToDate"}
    decisions: ClassVar[Mapping[str, str]] = {
        SOLVED: "sees DRBD resolve a split brain",
        "going-on-alone": "continues without its peer",
        "fenced": "cuts a node's power",
        "fence-refused": "refuses a node the data",
        "copies-compared": "has compared both copies",
        "copies-repaired": "has replaced the standby's blocks that differed",
    }
    alarm_patterns: ClassVar[Mapping[str, str]] = {
        "disk-error": r"block drbd\d+: .*(IO ERROR|I/O error|io error)",
        # DRBD 8.4: drbd_receiver.c. A split brain that DRBD resolves by its own rules is a decision.
        "drbd-split-brain": r"Split-Brain detected but unresolved|Unrelated data, aborting",
        "drbd-corruption": r"[Dd]igest integrity check FAILED|Out of sync: start=|ASSERT(ION)?\( .* \) in |logic BUG",
    }
    # A database node has come up when its DRBD has.
    after_boot = ((DrbdAspect.ROLE, "Secondary"), (DrbdAspect.MOUNT, "none"))
    phases = (("drbd primary", DrbdAspect.ROLE, "Primary"), ("mounted", DrbdAspect.MOUNT, "mounted"))
    phase_order = (
        ("mounted", "drbd primary"),
        ("postgres accepting", "mounted"),
        ("first write", "drbd primary"),
    )
    phase_steps = ((("drbd primary", "mounted"), "for DRBD and the mount"),)
    lanes = (
        (DrbdAspect.ROLE, "DRBD role"),
        (DrbdAspect.CONNECTION, "DRBD connection"),
        (DrbdAspect.DISK, "DRBD disk"),
        (DrbdAspect.MOUNT, "filesystem"),
    )
    tones: ClassVar[Mapping[tuple[str, str], Tone]] = {
        (DrbdAspect.ROLE, "Primary"): Tone.ACTIVE,
        (DrbdAspect.ROLE, "Secondary"): Tone.READY,
        (DrbdAspect.CONNECTION, "Connected"): Tone.READY,
        (DrbdAspect.CONNECTION, "StandAlone"): Tone.BROKEN,
        (DrbdAspect.DISK, "UpToDate"): Tone.READY,
        (DrbdAspect.DISK, "Failed"): Tone.BROKEN,
        (DrbdAspect.DISK, "Diskless"): Tone.BROKEN,
        (DrbdAspect.MOUNT, "mounted"): Tone.ACTIVE,
        (DrbdAspect.MOUNT, "none"): Tone.IDLE,
    }

    def decision(self, line: str) -> tuple[str, Mapping[str, str]] | None:
        """Return how DRBD's kernel module resolved a split brain by its own rules."""
        if not (solved := _SOLVED.search(line)):
            return None
        keeps = "own" if solved[3] == "this" else "peer"
        return SOLVED, {"primaries": solved[1] or "", "how": solved[2], "keeps": keeps}

    def changes(self, event: str, rest: str) -> Iterator[tuple[str, str]]:
        """Return the states of ``event=drbd`` and of the mount."""
        if event in ("mounted", "unmounted"):
            yield DrbdAspect.MOUNT, "mounted" if event == "mounted" else "none"
        elif event == "drbd":
            for name, value in _CHANGE.findall(rest):
                if value not in COMPARING:
                    yield _ASPECTS[name], value

    def split_brains(self, lines: Timelines) -> Iterator[ReplicationBreak]:
        """Return when DRBD gave up connecting: a split brain where both replicas were written to without connection."""
        primaries = list(_spans(lines, *self.primary))
        connected = [span for _, span in _spans(lines, DrbdAspect.CONNECTION, "Connected")]
        for node, span in _spans(lines, DrbdAspect.CONNECTION, "StandAlone"):
            lost = max((it.end for it in connected if it.end <= span.start), default=-inf)
            wrote = sorted({name for name, it in primaries if it.start <= span.start and lost <= it.end})
            text = f"{node} stands alone"
            if len(wrote) > 1:
                text = f"split brain: {' and '.join(wrote)} were both primary since they lost their connection, {text}"
            yield ReplicationBreak(text, span.start, node, is_split=len(wrote) > 1)

    def is_resyncing(self, states: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether DRBD copies blocks from one database node to the other."""
        return any(each.get(DrbdAspect.CONNECTION) == "SyncTarget" for each in states.values())

    def is_replicated(self, states: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether both nodes are connected, with complete disks."""
        good = [
            each for each in states.values() if all(each.get(aspect) == self.healthy[aspect] for aspect in self.healthy)
        ]
        return len(good) >= 2

    def describe(self, states: Mapping[str, str]) -> str:
        """Return DRBD's role, connection and disk."""
        aspects = (DrbdAspect.ROLE, DrbdAspect.CONNECTION, DrbdAspect.DISK)
        return " ".join(states[aspect] for aspect in aspects if aspect in states)


def _spans(lines: Timelines, aspect: str, value: str) -> Iterator[tuple[str, Span]]:
    """Return when each node's aspect had a value, with the node."""
    for (node, part), spans in lines.items():
        yield from ((node, span) for span in spans if part == aspect and span.value == value)
