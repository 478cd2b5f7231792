"""The order part of scenario 1: reserve, commit, pick, pack and ship; then expire what is left."""

from demo.scenarios.questions import answer, atp, external, of, promisable, units
from demo.scenarios.script import Step
from demo.scenarios.steps import RecordId, UniqueName, WaitUntilExpired, call

VAR = UniqueName("VAR-1")
"""The variant of the whole scenario."""

PROMISES = [
    Step(
        number=5,
        says="safety_stock 10; 8 withheld from WEB",
        actions=[
            call("stock/policy/set", variant_id=VAR, safety_stock=10),
            call("holdback/set", variant_id=VAR, channel_code="WEB", quantity=8),
        ],
        books={"FAC-A": (93, 0, 2, 0, 0, 0, 0, 95)},
        finds={atp(): 75, promisable(): 75, promisable(None): 83},
    ),
    Step(
        number=6,
        says="20, ttl_seconds 20 (A1)",
        actions=[
            call("reservation/create", variant_id=VAR, quantity=20, ttl_seconds=20, keeps={"A1": "reservation"}),
        ],
        books={"FAC-A": (73, 0, 2, 0, 20, 0, 0, 95)},
        finds={units("available", place="P-01"): 13, promisable(): 55},
    ),
    Step(
        number=7,
        says="12 from A1 (L1)",
        actions=[call("allocation/create", on="A1", quantity=12, order_ref="O-1", keeps={"L1": "allocation"})],
        books={"FAC-A": (73, 0, 2, 0, 20, 0, 0, 95)},
        finds={
            of("A1", "remaining"): 8,
            units("reserved", holder="A1"): 8,
            units("reserved", holder="L1"): 12,
        },
    ),
    Step(
        number=8,
        says="from L1 (C1)",
        actions=[call("commit/create", on="L1", keeps={"C1": "commit"})],
        books={"FAC-A": (73, 0, 2, 0, 8, 12, 0, 95)},
        finds={of("L1", "status"): "committed", of("C1", "open"): 12},
    ),
    Step(
        number=9,
        says="5 (C2)",
        actions=[call("commit/create-direct", variant_id=VAR, quantity=5, order_ref="O-2", keeps={"C2": "commit"})],
        books={"FAC-A": (68, 0, 2, 0, 8, 17, 0, 95)},
        finds={units("available", place="P-01"): 8, promisable(): 50},
    ),
]

FULFILMENT = [
    Step(
        number=10,
        says="C1 12 to STG",
        actions=[call("pick/record", on="C1", quantity=12, to_zone_id=RecordId("STG"))],
        books={"FAC-A": (68, 0, 2, 0, 8, 17, 0, 95)},
        finds={of("C1", "picked"): 12, units("committed", holder="C1", stage="picked", place="STG"): 12},
    ),
    Step(
        number=11,
        says="C1 12",
        actions=[call("pack/record", on="C1", quantity=12)],
        books={"FAC-A": (68, 0, 2, 0, 8, 17, 0, 95)},
        finds={of("C1", "packed"): 12},
    ),
    Step(
        number=12,
        says="C1 10",
        actions=[call("ship/record", on="C1", quantity=10)],
        books={"FAC-A": (68, 0, 2, 0, 8, 7, 0, 85)},
        finds={external("customer"): 10, of("C1", "packed"): 2, of("C1", "shipped"): 10},
    ),
    Step(
        number=13,
        says="C1 2",
        actions=[call("commit/release", on="C1", quantity=2)],
        books={"FAC-A": (70, 0, 2, 0, 8, 5, 0, 85)},
        finds={of("C1", "status"): "shipped", units("available", place="STG"): 2, promisable(): 52},
    ),
    Step(
        number=14,
        says="A1 3",
        actions=[call("reservation/release", on="A1", quantity=3)],
        books={"FAC-A": (73, 0, 2, 0, 5, 5, 0, 85)},
        finds={of("A1", "status"): "active", of("A1", "remaining"): 5, promisable(): 55},
    ),
]

EXPIRY = [
    Step(
        number=15,
        says="overdue units can be promised before anybody expires them",
        actions=[WaitUntilExpired("A1")],
        books={"FAC-A": (73, 0, 2, 0, 5, 5, 0, 85)},
        finds={promisable(): 60},
    ),
    Step(
        number=15,
        says="A1",
        actions=[call("reservation/expire", on="A1")],
        books={"FAC-A": (78, 0, 2, 0, 0, 5, 0, 85)},
        finds={
            of("A1", "allocated"): 12,
            of("A1", "released"): 3,
            of("A1", "expired"): 5,
            of("A1", "status"): "allocated",
            promisable(): 60,
        },
    ),
    Step(
        number=16,
        says="C2 5, pinned to OVR/O-01, no to-place",
        actions=[call("pick/record", on="C2", quantity=5, zone_id=RecordId("OVR"), bin_id=RecordId("O-01"))],
        books={"FAC-A": (78, 0, 2, 0, 0, 5, 0, 85)},
        finds={
            answer("entries.*.kind"): ["repin", "repin", "pick"],
            units("available", place="P-01"): 21,
            units("available", place="O-01"): 55,
        },
    ),
    Step(
        number=17,
        says="C2 5, from_stage picked",
        actions=[call("ship/record", on="C2", quantity=5, from_stage="picked")],
        books={"FAC-A": (78, 0, 2, 0, 0, 0, 0, 80)},
        finds={external("customer"): 15, of("C2", "status"): "shipped"},
    ),
]
