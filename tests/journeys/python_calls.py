"""Three calls by the client that openapi-python-client made of the OpenAPI document of ICS, and one that is refused.

python python_calls.py GATEWAY_URL SESSION ORGCODE CODE, with the generated package `made_client` on the path.
"""

import json
import sys
from importlib import import_module
from typing import Any


def main(url: str, session: str, org: str, code: str) -> None:
    """Make the calls, and print what came of them as JSON."""
    client: Any = (
        import_module("made_client")
        .AuthenticatedClient(base_url=url, token=session, prefix="", auth_header_name="x-session-guid")
        .with_headers({"x-orgcode": org})
    )
    models: Any = import_module("made_client.models")

    def call(name: str, body: Any) -> Any:
        module: Any = import_module(f"made_client.api.zone.{name}")
        return module.sync(client=client, body=body, x_logical_guid="FAC-A")

    zone = call("ics_zone_create", models.ZoneCreateRequest(code=code)).data.zone
    refused = call("ics_zone_create", models.ZoneCreateRequest(code=code))
    inactive = models.ZoneStatusSetRequestStatus("inactive")
    closing = models.ZoneStatusSetRequest(zone_id=zone.zone_id, status=inactive, expected_revision=zone.revision)
    closed = call("ics_zone_status_set", closing).data.zone
    items = call("ics_zone_list", models.ZoneListRequest(code=code)).data.items
    found = {
        "zone_id": zone.zone_id,
        "purpose": str(zone.purpose),
        "refused": refused.error.error_code,
        "revision": closed.revision,
        "items": [{"zone_id": each.zone_id, "status": str(each.status)} for each in items],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
