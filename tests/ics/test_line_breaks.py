"""A line break behind a value that a pattern describes: Python's `$` overlooks it, the contract's does not."""

from typing import Any

import pytest

from chassis.testing.client import ServiceClient
from tests.ics.given import VARIANT, an_id

MONEY = {"amount": "1.50", "currency": "EUR"}
CONSIGNED = {"consignor_ref": "C-1", "variant_id": VARIANT, "quantity": 1}


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("/zone/create", {"code": "A-01\n"}, "code"),
        ("/zone/create", {"code": "A-01", "idempotency_key": "once\n"}, "idempotency_key"),
        ("/zone/create", {"code": "A-01", "logical_guid": "FAC-A\n"}, "logical_guid"),
        ("/zone/get", {"zone_id": f"{an_id()}\n"}, "zone_id"),
        ("/stock/get", {"variant_id": f"{VARIANT}\n"}, "variant_id"),
        ("/atp/query", {"variant_ids": [VARIANT, "VAR-2\n"]}, "variant_ids.1"),
        ("/serial/lookup", {"gtin": "96385074\n"}, "gtin"),
        ("/serial/lookup", {"serial_no": "S-1\n"}, "serial_no"),
        ("/serial/lookup", {"lot_code": "L-1\n"}, "lot_code"),
        ("/demand/signal/compute", {"variant_id": VARIANT, "as_of_date": "2026-03-01\n"}, "as_of_date"),
        ("/comment/report", {"from_utc": "2026-03-01T00:00:00.000Z\n"}, "from_utc"),
        ("/consignment/receive", CONSIGNED | {"unit_cost": MONEY | {"amount": "1.50\n"}}, "unit_cost.amount"),
        ("/consignment/receive", CONSIGNED | {"unit_cost": MONEY | {"currency": "EUR\n"}}, "unit_cost.currency"),
    ],
)
async def test_a_line_break_at_the_end_is_part_of_a_value(
    ics: ServiceClient, call: str, body: dict[str, Any], field: str
) -> None:
    answer = await ics.post(call, **body)

    assert (answer.status, answer.error_code) == (400, "ics.validation_failed")
    assert list(answer.problems) == [field]
