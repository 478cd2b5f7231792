"""Creates the demo's facilities: zones and bins, through the gateway like any caller."""

import json
import urllib.error
import urllib.request
from typing import Any

from deploy.local.process import Failed

CALL_SECONDS = 15.0
FACILITIES = ("FAC-A", "FAC-B")
# Code, name, purpose, bins.
ZONES = (
    ("RCV", "Receiving", "receiving", ()),
    ("PCK", "Pick", "pick", ("P-01", "P-02", "P-03", "P-04")),
    ("OVR", "Overstock", "overstock", ("O-01", "O-02")),
    ("STG", "Staging", "staging", ()),
)


def make_facilities(gateway: str, session: str, orgcode: str) -> None:
    """Create the missing zones and bins of each facility. Raises Failed if a call is refused."""
    for facility in FACILITIES:
        headers = {"x-session-guid": session, "x-orgcode": orgcode, "x-logical-guid": facility}
        zones = _codes(gateway, "/ics/zone/list", {"logical_guid": facility}, headers, "zone_id")
        for code, name, purpose, bins in ZONES:
            if code not in zones:
                created = _call(gateway, "/ics/zone/create", {"code": code, "name": name, "purpose": purpose}, headers)
                zones[code] = created["zone"]["zone_id"]
            there = _codes(gateway, "/ics/bin/list", {"zone_id": zones[code]}, headers, "bin_id") if bins else {}
            for bin_code in bins:
                if bin_code not in there:
                    _call(gateway, "/ics/bin/create", {"zone_id": zones[code], "code": bin_code}, headers)


def _codes(gateway: str, path: str, body: dict[str, Any], headers: dict[str, str], id_field: str) -> dict[str, str]:
    """Ids by code. Reads one page only: the demo has fewer zones and bins than fit on a page."""
    items = _call(gateway, path, body | {"limit": 256}, headers)["items"]
    return {item["code"]: item[id_field] for item in items}


def _call(gateway: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """Call the gateway and return the `data` of its answer."""
    request = urllib.request.Request(  # noqa: S310 - the address is the launcher's own
        gateway + path,
        data=json.dumps(body).encode(),
        headers=headers | {"content-type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310
            data: dict[str, Any] = json.load(answer)["data"]
            return data
    except urllib.error.HTTPError as refusal:
        with refusal:
            said = refusal.read(2000).decode("utf-8", "replace")
        raise Failed(f"the demo's facilities could not be made: {path} answered {refusal.code}: {said}") from refusal
    except (OSError, ValueError, KeyError) as failure:
        raise Failed(f"the demo's facilities could not be made: {path}: {failure}") from failure
