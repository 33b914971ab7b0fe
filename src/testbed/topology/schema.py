"""The JSON schema of the x-testbed keys, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from testbed.topology.keys import ProjectKeys, ServiceKeys


def schema() -> dict[str, Any]:
    """Return a schema of a Compose file that constrains only the x-testbed keys."""
    project = ProjectKeys.model_json_schema(ref_template="#/$defs/{model}")
    service = ServiceKeys.model_json_schema(ref_template="#/$defs/{model}")
    definitions = {**project.pop("$defs", {}), **service.pop("$defs", {})}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "testbed cluster",
        "description": "A Compose file whose x-testbed keys describe a cluster.",
        "type": "object",
        "properties": {
            "x-testbed": project,
            "services": {"type": "object", "additionalProperties": {"properties": {"x-testbed": service}}},
        },
        "$defs": definitions,
    }
