"""Incidents: files that say what happens and what is expected of it, and runs that play them.

Reading files needs no Docker engine. Playing them does: ``run`` and ``runner`` are imported on their own.
"""

from testbed.incidents.incident_model import Incident
from testbed.incidents.loader import find, find_all, load, shipped

__all__ = ["Incident", "find", "find_all", "load", "shipped"]
