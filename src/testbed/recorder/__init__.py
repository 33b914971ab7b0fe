"""What happened inside the cluster during a run: recorded while it goes on, looked for and collected at its end."""

from testbed.recorder.leftover_survey import record_leftovers, survey_leftovers
from testbed.recorder.log_patterns import PATTERNS
from testbed.recorder.recorder import Recorder
from testbed.recorder.run_artifacts import collect_artifacts
from testbed.recorder.scan import scan
from testbed.recorder.snapshot import snapshot

__all__ = ["PATTERNS", "Recorder", "collect_artifacts", "record_leftovers", "scan", "snapshot", "survey_leftovers"]
