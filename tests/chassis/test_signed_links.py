from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.errors import Forbidden
from chassis.key_ring import KeyRing
from chassis.signed_links import LinkSigner, Permission, check_length

OLD, NEW = KeyRing({"a": b"a" * 32}), KeyRing({"b": b"b" * 32, "a": b"a" * 32})
SHA = "ab" * 32
NOW = 1_800_000_000
PUT = Permission(method="PUT", key="pmc/DEMO0001/packs/p/1", expires=NOW + 60, size=12, sha256=SHA)
GET = Permission(method="GET", key="pmc/DEMO0001/runs/r/part-0000001.ndjson", expires=NOW + 60)
SIGNER = LinkSigner(OLD)

permissions = st.builds(
    Permission,
    method=st.sampled_from(["GET", "PUT"]),
    key=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1),
    expires=st.integers(NOW + 1, NOW + 10**6),
    size=st.none(),
    sha256=st.none(),
) | st.builds(
    Permission,
    method=st.just("PUT"),
    key=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1),
    expires=st.integers(NOW + 1, NOW + 10**6),
    size=st.integers(0, 2**40),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
)


def parts(signer: LinkSigner, permission: Permission) -> tuple[str, dict[str, str]]:
    """Key and query of a link, as a request brings them."""
    path, _, query = signer.path("/pmc/objects", permission).partition("?")
    return unquote(path.removeprefix("/pmc/objects/")), dict(parse_qsl(query))


def refused(method: str, key: str, query: dict[str, str], now: float = NOW, signer: LinkSigner = SIGNER) -> bool:
    try:
        signer.check(method, key, query, now)
    except Forbidden:
        return True
    return False


@given(permissions)
def test_a_link_allows_what_it_was_made_for(permission: Permission) -> None:
    key, query = parts(SIGNER, permission)
    assert SIGNER.check(permission.method, key, query, NOW) == permission


@given(permissions, permissions)
def test_a_link_allows_nothing_else(permission: Permission, other: Permission) -> None:
    _, query = parts(SIGNER, permission)
    _, wanted = parts(SIGNER, other)
    forged = {**wanted, "signature": query["signature"]}
    assert refused(other.method, other.key, forged) == (permission != other)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"key": "pmc/DEMO0001/packs/p/2"},
        {"expires": str(NOW + 61)},
        {"size": "13"},
        {"sha256": "cd" * 32},
        {"size": None},
        {"sha256": None},
        {"size": None, "sha256": None},
        {"expires": None},
        {"signature": None},
        {"signature": ""},
        {"signature": "ü"},
        {"expires": f" {NOW + 60}"},
        {"expires": "٣"},
        {"size": "012"},
        {"more": "1"},
    ],
    ids=str,
)
def test_whatever_is_changed_is_refused(change: dict[str, Any]) -> None:
    key, query = parts(SIGNER, PUT)
    method = change.pop("method", "PUT")
    key = change.pop("key", key)
    sent = {name: value for name, value in {**query, **change}.items() if value is not None}
    assert refused(method, key, sent)


def test_a_download_takes_no_size() -> None:
    key, query = parts(SIGNER, GET)
    assert refused("GET", key, {**query, "size": "1", "sha256": SHA})
    assert refused("PUT", key, query)
    assert SIGNER.check("HEAD", key, query, NOW) == GET


def test_a_link_ends_with_its_last_second() -> None:
    key, query = parts(SIGNER, PUT)
    assert not refused("PUT", key, query, NOW + 59.999)
    assert refused("PUT", key, query, NOW + 60)


def test_keys_are_exchanged_without_breaking_links() -> None:
    both = LinkSigner(NEW)
    old_key, old_query = parts(SIGNER, GET)
    new_key, new_query = parts(both, GET)

    assert not refused("GET", old_key, old_query, signer=both)
    assert refused("GET", new_key, new_query, signer=SIGNER)
    assert refused("GET", old_key, old_query, signer=LinkSigner(KeyRing({"b": b"b" * 32})))


@pytest.mark.parametrize("length", [None, 11, 13])
def test_a_body_of_another_size_or_of_none_is_refused(length: int | None) -> None:
    check_length(PUT, 12)
    with pytest.raises(Forbidden):
        check_length(PUT, length)
    with pytest.raises(Forbidden):
        check_length(replace(PUT, size=None, sha256=None), length)
