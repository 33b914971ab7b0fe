"""The webmail as its users' browsers use it: Horde's real pages and forms, judged by their content."""

from testbed.probes.horde.client import Exchange, HordeClient
from testbed.probes.horde.pages import PageError, SessionLostError

__all__ = ["Exchange", "HordeClient", "PageError", "SessionLostError"]
