"""What an app node reads to serve an application: one file of settings each, and one of php.ini for PHP."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.topology import Application, Topology


def server_files(topology: Topology) -> Mapping[str, str]:
    """The folder ``applications`` of all app nodes, by file name: each node picks what it runs."""
    files = {}
    for name, application in topology.applications.items():
        files[f"{name}.env"] = _settings(name, application)
        if application.kind == "php":
            files[f"{name}.ini"] = _ini(application)
    return files


def _settings(name: str, application: Application) -> str:
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
    }
    return "".join(f"{key}='{value}'\n" for key, value in values.items())


def _ini(application: Application) -> str:
    return "".join(f'{key} = "{value}"\n' for key, value in application.php.settings.items())
