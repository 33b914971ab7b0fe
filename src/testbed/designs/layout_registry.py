"""The packages of all database designs, found by their folders, and the layout of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

from testbed import designs
from testbed.designs.design_layout import DesignLayout

# The design of topologies and journals that name none.
DEFAULT_NAME = "drbd"


def design_module(name: str, part: str) -> ModuleType:
    """Import a module of a design's package.

    Args:
        name: of the design.
        part: of the module's name: ``layout`` is the module ``NAME_layout``.
    """
    return import_module(f"{designs.__name__}.{name}.{name}_{part}")


def has_module(name: str, part: str) -> bool:
    """Whether a design's package has a module; the arguments are those of ``design_module``."""
    return find_spec(f"{designs.__name__}.{name}.{name}_{part}") is not None


def _names() -> list[str]:
    """The names of all designs, the default first."""
    found = [module.name for module in iter_modules(designs.__path__) if module.ispkg]
    return sorted(found, key=lambda name: (name != DEFAULT_NAME, name))


LAYOUTS: Mapping[str, DesignLayout] = {name: design_module(name, "layout").LAYOUT for name in _names()}
# The names of all profiles of all designs; the first is the cluster without an overlay.
_PROFILES = {profile.name: profile for layout in LAYOUTS.values() for profile in layout.profiles}
PROFILES: tuple[str, ...] = tuple(_PROFILES)
DEFAULT_PROFILE = PROFILES[0]
# What each of them is, for the help.
PROFILE_SUMMARIES = {name: profile.summary for name, profile in _PROFILES.items()}


def similar_profile(name: str) -> str:
    """Return the profile whose balancers and app nodes a profile has; a profile like no other has its own."""
    found = _PROFILES.get(name)
    return found.like if found and found.like else name
