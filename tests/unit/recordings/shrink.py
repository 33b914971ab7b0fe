"""Make a recording that is kept, small, of a run that was played on a real cluster.

`python tests/unit/recordings/shrink.py .testbed/runs/RUN tests/unit/recordings/NAME.jsonl.gz [--around SECONDS]`

What is kept is every event but the probes' good samples far from all that happened: further than so many seconds from
each fault, its healing, and each sample that was not good. A write's token that is cut is no longer looked for. Nothing
is added and nothing changed, but that times are rounded to 0.1 ms. The recording is judged before it is written: the
verdicts must be those of the whole run.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from bisect import bisect_left
from pathlib import Path
from typing import Any

from testbed.checks import judge
from testbed.journal import parse

Fields = dict[str, Any]
# Digits that are kept of a time; what stamps the line is not measured with.
DIGITS = {"wall": 3, "mono": 4, "at": 4, "scheduled": 4, "started": 4, "finished": 4, "latency": 4, "error": 4}


def shrink(events: list[Fields], around: float) -> list[Fields]:
    """The events that are kept, in their order.

    Args:
        events: of the whole run.
        around: seconds from anything that happened within which good samples are kept.
    """
    samples = [each for each in events if each["kind"] == "probe"]
    happened = sorted(
        [each["mono"] for each in events if each["kind"] == "fault"]
        + [each["scheduled"] for each in samples if each["outcome"] != "ok"]
    )
    kept = {id(each) for each in samples if _is_near(each["scheduled"], happened, around)}
    cut = {each["token"] for each in samples if id(each) not in kept and each["token"]}
    return [
        _rounded(each)
        for each in events
        if (each["kind"] != "probe" or id(each) in kept) and not (each["kind"] == "settled" and each["token"] in cut)
    ]


def _is_near(at: float, happened: list[float], around: float) -> bool:
    place = bisect_left(happened, at)
    return any(abs(at - other) <= around for other in happened[max(place - 1, 0) : place + 1])


def _rounded(event: Fields) -> Fields:
    return {name: round(value, DIGITS[name]) if name in DIGITS else value for name, value in event.items()}


def _statuses(events: list[Fields]) -> tuple[bytes, dict[str, str]]:
    data = b"".join(json.dumps(each, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for each in events)
    return data, {verdict.check: verdict.status.value for verdict in judge(parse(data.splitlines()))}


def main() -> None:
    """Shrink the run that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("recording", type=Path, help="the file to write")
    parser.add_argument("--around", type=float, default=4.0, help="seconds (default 4)")
    asked = parser.parse_args()
    events = [json.loads(line) for line in (asked.run / "journal.jsonl").read_bytes().splitlines()]
    _, before = _statuses(events)
    data, after = _statuses(shrink(events, asked.around))
    if before != after:
        sys.exit(f"the recording would be judged otherwise: {before} became {after}")
    # Without the time, so that the same run makes the same file.
    packed = gzip.compress(data, 9, mtime=0)
    asked.recording.write_bytes(packed)
    print(f"{len(packed) / 1024:.0f} KiB, {len(data) / 1024:.0f} KiB unpacked; {after}")


if __name__ == "__main__":
    main()
