"""What happened inside the cluster during a run: recorded while it goes on, looked for and collected at its end."""

from testbed.recorder.alarms import PATTERNS
from testbed.recorder.recorder import Recorder
from testbed.recorder.snapshot import snapshot

__all__ = ["PATTERNS", "Recorder", "snapshot"]
