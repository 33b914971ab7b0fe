"""What an app node reads to serve an application: one file of settings each, and one of php.ini or of an image."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from testbed.applications.image_program import ImageProgram, program_file
from testbed.topology import Application, Topology

NOTHING: Mapping[str, str] = MappingProxyType({})
NO_PROGRAMS: Mapping[str, ImageProgram] = MappingProxyType({})


def server_files(
    topology: Topology, digests: Mapping[str, str] = NOTHING, programs: Mapping[str, ImageProgram] = NO_PROGRAMS
) -> Mapping[str, str]:
    """The folder ``applications`` of all app nodes, by file name: each node picks what it runs.

    Args:
        topology: the applications.
        digests: of the code of applications that have it outside the image: a changed one restarts its application.
        programs: of the applications that are container images.
    """
    files = {}
    for name, application in topology.applications.items():
        files[f"{name}.env"] = _settings(name, application, digests.get(name, ""))
        if application.kind == "php":
            files[f"{name}.ini"] = _ini(application)
        if application.kind == "image":
            files[f"{name}.env"] += f"IMAGE='{application.image}'\nIMAGE_ID='{programs[name].identity}'\n"
            files[f"{name}.json"] = program_file(application, programs[name])
    return files


def _settings(name: str, application: Application, digest: str) -> str:
    """Lines that a shell reads; every value's characters are the topology's to keep harmless."""
    nodes = "*" if application.nodes == "all" else " ".join(application.nodes)
    extensions = "*" if application.php.extensions == "all" else " ".join(application.php.extensions)
    values = {
        "APPLICATION": name,
        "KIND": application.kind,
        "CODE": application.code or name,
        "PORT": str(application.port),
        "URL_PATH": application.path,
        "NODES": nodes,
        "PROCESSES": str(application.processes),
        "STATE": application.state,
        "DATABASE": "yes" if application.database else "no",
        "EXTENSIONS": extensions,
        "COMMAND": application.command or "",
        "HEALTH": application.health_path if application.has_own_health else "",
        "CODE_DIGEST": digest,
    }
    return "".join(f"{key}='{value}'\n" for key, value in values.items())


def _ini(application: Application) -> str:
    return "".join(f'{key} = "{value}"\n' for key, value in application.php.settings.items())
