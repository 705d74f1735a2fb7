"""Who sent a request: the other end of its connection, unless that is a trusted proxy."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_of(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """The client's address. Each proxy adds to the end of ``X-Forwarded-For`` who sent it the request, and what stands
    before was written by that one; so it is read from the right, for as long as who wrote it is ``trusted``."""
    client = _read(peer)
    if client is None:
        return peer
    entries = [entry for line in forwarded_for for entry in line.split(",")]
    while entries and any(client in network for network in trusted):
        said = _read(entries.pop())
        if said is None:
            break
        client = said
    return str(client)


def _read(text: str) -> Address | None:
    """An address, also with a port; ``None`` for anything else, such as ``unknown``."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        read = ip_address(text)
    except ValueError:
        return None
    mapped = read.ipv4_mapped if isinstance(read, IPv6Address) else None
    return mapped or read
