"""What happened inside the cluster during a run: recorded while it goes on, looked for and collected at its end."""

from testbed.recorder.alarms import PATTERNS
from testbed.recorder.collect import collect
from testbed.recorder.leftovers import leftovers, survey
from testbed.recorder.recorder import Recorder
from testbed.recorder.scan import scan
from testbed.recorder.snapshot import snapshot

__all__ = ["PATTERNS", "Recorder", "collect", "leftovers", "scan", "snapshot", "survey"]
