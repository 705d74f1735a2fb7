"""Whether an address is one that a carrier on the internet can reach, as far as the address itself says.

Carriers post what became of a call to it, and ask it what to do with a callee who has answered. At an address they
cannot reach, people are called and hear the carrier's error.
"""

from __future__ import annotations

import re
import socket
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

_PRIVATE_ENDINGS = (
    "localhost", "local", "localdomain", "internal", "intranet", "private", "lan", "home", "corp", "home.arpa",
    "test", "invalid", "example", "onion",
)  # fmt: skip
"""What names of no host on the internet end in: RFC 2606, 6761, 6762, 8375, ICANN's ``internal``, and what routers and
offices use."""
_NAME = re.compile(r"(?!-)[\w-]{1,63}(?:\.(?!-)[\w-]{1,63}){1,20}")
_WELL_KNOWN_NAT64 = 0x0064_FF9B << 96

EXAMPLE = "give the https address under which the carrier reaches this deployment, such as https://dialer.example.com"


def why_unreachable(url: str) -> str | None:
    """Why no carrier reaches this address, as the first half of a sentence; ``None`` if nothing speaks against it."""
    try:
        parts = urlsplit(unicodedata.normalize("NFKC", url.strip()).replace("。", "."))
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "It cannot be read"
    if parts.username is not None or parts.password is not None:
        return "It holds a user or a password, which the carrier's signature would not cover"
    address = _address(host)
    if address is not None:
        is_public = address.is_global and not address.is_multicast
        return _without_encryption(parts.scheme) if is_public else "It is an address inside a machine or a network"
    if host == "localhost" or host.endswith(tuple(f".{ending}" for ending in _PRIVATE_ENDINGS)):
        return "It is a name that only this machine or its network knows"
    if "." not in host:
        return "It is a name without a dot, which only the network here knows"
    if not _NAME.fullmatch(host):
        return "It is not the name of a host"
    return _without_encryption(parts.scheme)


def _without_encryption(scheme: str) -> str | None:
    return None if scheme == "https" else "It begins with http://, so what is said of people would travel in the open"


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address a host is written as, in any spelling a resolver takes: ``127.1``, ``0x7f.1``, ``2130706433``."""
    try:
        read = ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(host)) if host and not any(map(str.isspace, host)) else None
        except OSError:
            return None
    return _carried(read) if isinstance(read, IPv6Address) else read


def _carried(read: IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address within an IPv6 one, if it only carries one."""
    if int(read) >> 32 == _WELL_KNOWN_NAT64 >> 32:
        return IPv4Address(int(read) & 0xFFFF_FFFF)
    if int(read) >> 32 == 0 and int(read) > 1:  # ::a.b.c.d, which nobody uses any more
        return IPv4Address(int(read) & 0xFFFF_FFFF)
    return read.ipv4_mapped or read.sixtofour or read
