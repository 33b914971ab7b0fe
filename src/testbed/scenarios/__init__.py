"""Incidents: files that say what happens and what is expected of it, and runs that play them.

What plays them (``run``, ``runner``) needs the engine; who only reads them does not, and finds it here.
"""

from testbed.scenarios.load import find, find_all, load, shipped
from testbed.scenarios.model import Scenario

__all__ = ["Scenario", "find", "find_all", "load", "shipped"]
