"""Which network addresses outgoing calls may reach: public ones, and those that a setting allows.

Callers choose some of the addresses (a shop's domain, a media link), and could otherwise reach systems that only this
network can see (server-side request forgery). The check is made on the address a connection is opened to, so neither a
redirect nor a name that resolves differently the second time (DNS rebinding) gets around it.
"""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_COMPATIBLE = ip_network("::/96")


class BlockedAddress(OSError):
    """A connection to an address that outgoing calls may not reach."""

    def __init__(self) -> None:
        super().__init__("the address is not public")


class AddressPolicy:
    """Public addresses, and the networks in `allowed` (`10.1.0.0/16`, `127.0.0.1`). ValueError for one that is none."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed: tuple[Network, ...] = tuple(ip_network(each) for each in allowed)

    def is_allowed(self, text: str) -> bool:
        """Whether an address may be reached; False for what is no address."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if any(address.version == network.version and address in network for network in self._allowed):
            return True
        inner = embedded(address)
        return self.is_allowed(str(inner)) if inner is not None else _is_public(address)

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The socket for an address that a connection is about to be opened to. Raises `BlockedAddress`."""
        family, kind, protocol, _, place = info
        if not self.is_allowed(place[0]):
            raise BlockedAddress
        return socket.socket(family=family, type=kind, proto=protocol)


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped, compatible, 6to4, Teredo or NAT64; else None."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _COMPATIBLE and int(address) > 1:
        return IPv4Address(int(address))
    return None


def _is_public(address: Address) -> bool:
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not (isinstance(address, IPv6Address) and address.is_site_local)
