"""A failure of a cluster that is known."""

from __future__ import annotations

from dataclasses import dataclass

# Faults after which two nodes cannot hear each other, or one is silent for a while.
SILENT = r"(silent-cut|cable-pull|network-down|loss|delay|rate-limit|freeze|clock-jump|process-hang|process-kill)"


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A failure that is known.

    Attributes:
        title: what it is.
        profile: the profile that it is known of.
        check: the check that fails.
        causes: regular expressions, of which one matches all of the kind's cause.
        needs: regular expression that a fault of the sequence matches, written as ``brief`` writes it; a failure
            without such a fault has another reason.
        also: regular expression that another fault of the sequence matches as well; empty if one fault is enough.
        shown_by: incidents in ``incidents/`` that show it, or the page that explains it.
    """

    title: str
    profile: str
    check: str
    causes: tuple[str, ...]
    needs: str = ""
    also: str = ""
    shown_by: tuple[str, ...] = ()
