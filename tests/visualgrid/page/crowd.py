"""A record with more neighbours than the canvas holds, in place of answers."""

from typing import Any

from playwright.async_api import Route

CROWD = {"in": range(1990), "near": range(985, 2500)}
"""Two edges and the numbers of the records at their ends: more than the canvas holds, with some 3 000 links."""


async def crowd(route: Route) -> None:
    """A record with more neighbours than the canvas holds, in place of an answer."""
    asked: dict[str, Any] = route.request.post_data_json or {}
    edges = [{"edge": name, "direction": "in", "entity_type": "bin", "approximate_count": 257} for name in CROWD]
    near = {"table": asked["table"], "pk": asked["pk"], "sk": asked["sk"]}
    edge, start = asked.get("edge") or "", int(asked.get("next_token") or 0)
    everyone = CROWD.get(edge, range(0))
    numbers = everyone[start : start + int(asked.get("limit") or 25)]
    following = start + len(numbers)
    data = {
        "items": [crowded(edge, number, near) for number in numbers],
        "edges": edges,
        "count": len(numbers),
        "next_token": str(following) if following < len(everyone) else None,
        "unavailable": [],
    }
    await route.fulfill(json={"ok": True, "data": data})


def crowded(edge: str, number: int, near: dict[str, str]) -> dict[str, Any]:
    """One neighbour of the crowd."""
    far = {"table": "ics_bins", "pk": "ORG#CROWD", "sk": f"BIN#{number}"}
    node = {
        "ddb_keys": {"PK": far["pk"], "SK": far["sk"]},
        "properties": {},
        "metadata": {
            "service_code": "ics",
            "table": "ics_bins",
            "entity_type": "bin",
            "label": f"B-{number}",
            "size_bytes": 2,
        },
    }
    return {"link": {"edge": edge, "direction": "in", "from": far, "to": near}, "node": node}
