from hypothesis import given, settings
from hypothesis import strategies as st

from services.slc.shopify.signatures import body_holds, query_holds, sign_body, sign_query

NOW = 1_700_000_000.0


def a_query(secret: str = "app-secret", **more: str) -> dict[str, str]:
    fields = {"shop": "acme.myshopify.com", "code": "c&=1", "timestamp": str(int(NOW)), **more}
    return {**fields, "hmac": sign_query(fields, secret)}


def test_a_known_body_has_a_known_signature() -> None:
    assert sign_body(b"{}", "secret") == "dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM="


@settings(max_examples=30)
@given(st.binary(max_size=64), st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_body_holds_under_any_of_the_secrets_and_no_other(raw: bytes, secret: str, other: str) -> None:
    assert body_holds(raw, sign_body(raw, secret), [other, secret])
    assert not body_holds(raw + b"x", sign_body(raw, secret), [secret])
    if other != secret:
        assert not body_holds(raw, sign_body(raw, secret), [other])


def test_what_is_no_signature_does_not_hold() -> None:
    assert not body_holds(b"{}", "", ["secret"])
    assert not body_holds(b"{}", "ü!", ["secret"])


def test_a_signed_query_holds_for_ninety_seconds_either_way() -> None:
    assert query_holds(a_query(), ["old", "app-secret"], NOW)
    assert query_holds(a_query(), ["app-secret"], NOW + 90)
    assert not query_holds(a_query(), ["app-secret"], NOW + 91)
    assert not query_holds(a_query(), ["app-secret"], NOW - 91)


def test_a_query_with_one_digit_changed_does_not_hold() -> None:
    query = a_query()
    last = "0" if query["hmac"][-1] != "0" else "1"
    assert not query_holds({**query, "hmac": query["hmac"][:-1] + last}, ["app-secret"], NOW)
    assert not query_holds({**query, "shop": "evil.myshopify.com"}, ["app-secret"], NOW)
    assert not query_holds({**query, "timestamp": "soon"}, ["app-secret"], NOW)
    assert not query_holds({**query, "hmac": "ü"}, ["app-secret"], NOW)
