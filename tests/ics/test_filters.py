from services.ics.filters import split

LEADS = (("zone_id", "code"), ("zone_id",), ("status",), ())


def test_filters_go_to_the_most_selective_lead_they_cover_and_the_rest_is_looked_at() -> None:
    wanted = {"zone_id": "Z", "code": None, "status": "active"}
    assert split(wanted, LEADS) == ({"zone_id": "Z"}, {"status": "active"})
    assert split(wanted | {"code": "C"}, LEADS) == ({"zone_id": "Z", "code": "C"}, {"status": "active"})
    assert split({"code": "C"}, LEADS) == ({}, {"code": "C"})
