"""Scenario 1 of the ICS domain guide, with the guide's numbers: from receipt to shipment in one facility."""

from datetime import UTC, datetime

from demo.scenarios.questions import answer, entries, external, of, promisable, units
from demo.scenarios.scenario_1_orders import EXPIRY, FULFILMENT, PROMISES, VAR
from demo.scenarios.script import Scenario, Step
from demo.scenarios.steps import ConcurrentCalls, RecordId, RunSweep, call


def scenario_1() -> Scenario:
    """The scenario, its demand computed up to today."""
    return Scenario(
        title="Scenario 1: receive to ship, one facility",
        variant=VAR.name,
        given=[
            call("zone/create", code="RCV", purpose="receiving", keeps={"RCV": "zone"}),
            call("zone/create", code="PCK", purpose="pick", keeps={"PCK": "zone"}),
            call("bin/create", zone_id=RecordId("PCK"), code="P-01", keeps={"P-01": "bin"}),
            call("zone/create", code="OVR", purpose="overstock", keeps={"OVR": "zone"}),
            call("bin/create", zone_id=RecordId("OVR"), code="O-01", keeps={"O-01": "bin"}),
            call("zone/create", code="STG", purpose="staging", keeps={"STG": "zone"}),
        ],
        steps=[*_INBOUND, *PROMISES, *FULFILMENT, *EXPIRY, *_UPKEEP, _demand(), _CROWD, _CHECK],
        afterwards=[call("replenishment/rule/status/set", at=None, on="rule", status="archived")],
    )


_INBOUND = [
    Step(
        number=1,
        says="100 from supplier into RCV (R1)",
        actions=[
            call(
                "receive/record",
                lines=[{"variant_id": VAR, "quantity": 100, "zone_id": RecordId("RCV")}],
                keeps={"R1": "receive"},
            )
        ],
        books={"FAC-A": (0, 100, 0, 0, 0, 0, 0, 100)},
        finds={external("supplier"): -100, of("R1", "status"): "received"},
    ),
    Step(
        number=2,
        says="accepted 93, damaged 2, rejected 5",
        actions=[
            call(
                "qc/complete",
                on="R1",
                results=[
                    {"line_no": 1, "outcome": "accepted", "quantity": 93},
                    {"line_no": 1, "outcome": "damaged", "quantity": 2},
                    {"line_no": 1, "outcome": "rejected", "quantity": 5},
                ],
            )
        ],
        books={"FAC-A": (93, 5, 2, 0, 0, 0, 0, 100)},
        finds={of("R1", "status"): "completed"},
    ),
    Step(
        number=3,
        says="−5 from quarantine, counter_account supplier",
        actions=[
            call(
                "adjustment/create",
                variant_id=VAR,
                delta=-5,
                from_bucket="quarantine",
                counter_account="supplier",
                reason_code="return_to_supplier",
            )
        ],
        books={"FAC-A": (93, 0, 2, 0, 0, 0, 0, 95)},
        finds={external("supplier"): -95},
    ),
    Step(
        number=4,
        says="60 RCV → OVR/O-01 and 33 RCV → PCK/P-01",
        actions=[
            call(
                "putaway/record",
                variant_id=VAR,
                quantity=60,
                from_zone_id=RecordId("RCV"),
                to_zone_id=RecordId("OVR"),
                to_bin_id=RecordId("O-01"),
            ),
            call(
                "putaway/record",
                variant_id=VAR,
                quantity=33,
                from_zone_id=RecordId("RCV"),
                to_zone_id=RecordId("PCK"),
                to_bin_id=RecordId("P-01"),
            ),
        ],
        books={"FAC-A": (93, 0, 2, 0, 0, 0, 0, 95)},
        finds={units("available", place="P-01"): 33, units("available", place="O-01"): 60},
    ),
]

_UPKEEP = [
    Step(
        number=18,
        says="damaged → available 1",
        actions=[call("stock/transition", variant_id=VAR, from_bucket="damaged", to_bucket="available", quantity=1)],
        books={"FAC-A": (79, 0, 1, 0, 0, 0, 0, 80)},
        finds={units("available", place="RCV"): 1, promisable(): 61},
    ),
    Step(
        number=19,
        says="−1 from damaged, counter_account scrap",
        actions=[
            call(
                "adjustment/create",
                variant_id=VAR,
                delta=-1,
                from_bucket="damaged",
                counter_account="scrap",
                reason_code="write_off",
            )
        ],
        books={"FAC-A": (79, 0, 0, 0, 0, 0, 0, 79)},
        finds={external("scrap"): 1},
    ),
    Step(
        number=20,
        says="PCK/P-01 ← OVR/O-01 min 30 max 45; then the sweep",
        # The sweep that goes by the clock may come first: the move then is the same, and ours finds nothing to do.
        actions=[
            call(
                "replenishment/rule/set",
                variant_id=VAR,
                pick_zone_id=RecordId("PCK"),
                pick_bin_id=RecordId("P-01"),
                overstock_zone_id=RecordId("OVR"),
                overstock_bin_id=RecordId("O-01"),
                min_qty=30,
                max_qty=45,
                keeps={"rule": "rule"},
            ),
            RunSweep("FAC-A"),
        ],
        books={"FAC-A": (79, 0, 0, 0, 0, 0, 0, 79)},
        finds={
            entries("replenish"): [24],
            units("available", place="P-01"): 45,
            units("available", place="O-01"): 31,
            units("available", place="RCV"): 1,
            units("available", place="STG"): 2,
        },
    ),
    Step(
        number=20,
        says="a second sweep in the window",
        actions=[RunSweep("FAC-A")],
        books={"FAC-A": (79, 0, 0, 0, 0, 0, 0, 79)},
        finds={answer("matched"): 0, entries("replenish"): [24]},
    ),
]


def _demand() -> Step:
    return Step(
        number=21,
        says="as_of_date today",
        actions=[
            call(
                "demand/signal/compute",
                variant_id=VAR,
                as_of_date=f"{datetime.now(UTC):%Y-%m-%d}",
                keeps={"demand": "signal"},
            )
        ],
        books={"FAC-A": (79, 0, 0, 0, 0, 0, 0, 79)},
        finds={
            of("demand", "windows.*.total"): [15, 15, 15],
            of("demand", "windows.*.average_daily"): ["2.1429", "0.5357", "0.1667"],
            of("demand", "windows.*.stdev_daily"): ["5.2489", "2.7837", "1.5723"],
            of("demand", "days_of_cover"): "147.4667",
            of("demand", "trend"): "rising",
        },
    )


_CROWD = Step(
    number=22,
    says="of 1 on WEB, all at once",
    actions=[ConcurrentCalls(70, call("reservation/create", variant_id=VAR, quantity=1))],
    books={"FAC-A": (18, 0, 0, 0, 61, 0, 0, 79)},
    finds={answer("succeeded"): 61, answer("insufficient_stock"): 9, promisable(): 0},
)

_CHECK = Step(
    number=22,
    says="check: 79 on hand = supplier 95 − customer 15 − scrap 1",
    books={"FAC-A": (18, 0, 0, 0, 61, 0, 0, 79)},
    finds={external("supplier"): -95, external("customer"): 15, external("scrap"): 1},
)
