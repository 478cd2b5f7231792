import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.outgoing.addresses import AddressPolicy, BlockedAddress

POLICY = AddressPolicy()


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:0:0:0:0:80ff:fffe",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "nonsense",
        "",
    ],
)
def test_addresses_that_are_not_public_are_blocked(address: str) -> None:
    assert not POLICY.is_allowed(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_reached(address: str) -> None:
    assert POLICY.is_allowed(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_however_it_is_written(address: object) -> None:
    assert POLICY.is_allowed(f"::ffff:{address}") == POLICY.is_allowed(str(address))


def test_a_setting_allows_a_network_and_no_more() -> None:
    policy = AddressPolicy(["127.0.0.0/8", "fd00::/8"])

    assert policy.is_allowed("127.0.0.1")
    assert policy.is_allowed("::ffff:127.0.0.1")
    assert policy.is_allowed("fd00::5")
    assert not policy.is_allowed("10.0.0.1")
    with pytest.raises(ValueError, match="not appear to be"):
        AddressPolicy(["localhost"])


def test_a_socket_is_opened_for_allowed_addresses_only() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    with pytest.raises(BlockedAddress):
        POLICY.open_socket((*info, ("127.0.0.1", 80)))
    AddressPolicy(["127.0.0.1"]).open_socket((*info, ("127.0.0.1", 80))).close()
