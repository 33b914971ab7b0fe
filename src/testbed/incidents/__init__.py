"""Incidents: files that say what happens and what is expected of it, and runs that play them.

What plays them (``run``, ``runner``) needs the engine; who only reads them does not, and finds it here.
"""

from testbed.incidents.incident_model import Incident
from testbed.incidents.loader import find, find_all, load, shipped

__all__ = ["Incident", "find", "find_all", "load", "shipped"]
