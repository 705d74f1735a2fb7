"""Whose address a request is counted under."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import httpx2
import pytest

from tests.api.client import CAMPAIGNS
from tests.world import World
from worker.api.peers import client_of

PROXIES = [ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("8.8.8.8", ["1.1.1.1"], "8.8.8.8"),  # nobody asked them
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["8.8.8.8"], "8.8.8.8"),
        ("127.0.0.1", ["1.1.1.1, 8.8.8.8"], "8.8.8.8"),  # what stands before, the client wrote itself
        ("127.0.0.1", ["1.1.1.1", "8.8.8.8"], "8.8.8.8"),
        ("127.0.0.1", ["1.1.1.1, 8.8.8.8, 10.0.0.3"], "8.8.8.8"),
        ("127.0.0.1", ["1.1.1.1, 8.8.8.8", " 10.0.0.3 "], "8.8.8.8"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),  # all of them ours
        ("127.0.0.1", ["8.8.8.8:4711"], "8.8.8.8"),
        ("127.0.0.1", ["[2606:4700::1111]:4711"], "2606:4700::1111"),
        ("127.0.0.1", ["2606:4700::1111"], "2606:4700::1111"),
        ("::ffff:127.0.0.1", ["::ffff:8.8.8.8"], "8.8.8.8"),
        ("fd00::1", ["8.8.8.8"], "8.8.8.8"),
        ("127.0.0.1", ["8.8.8.8, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["8.8.8.8, "], "127.0.0.1"),
        ("127.0.0.1", ["8.8.8.8, ' OR 1=1"], "127.0.0.1"),
        ("127.0.0.1", ["x" * 10_000], "127.0.0.1"),
        ("testclient", ["8.8.8.8"], "testclient"),
    ],
)
def test_a_forwarded_address_counts_as_far_as_those_who_wrote_it_are_trusted(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert client_of(peer, forwarded, PROXIES) == client
    assert client_of(peer, forwarded, []) == ("127.0.0.1" if peer == "::ffff:127.0.0.1" else peer)


def test_failed_logins_are_counted_by_whom_a_trusted_proxy_names(
    web: World, url: str, configure: Callable[..., None]
) -> None:
    def tried(address: str) -> int:
        return httpx2.get(f"{url}{CAMPAIGNS}", verify=False, headers={"X-Forwarded-For": address}).status_code

    configure(failed_logins_per_minute=1)
    assert [tried("198.51.100.1"), tried("198.51.100.2")] == [401, 429], "whoever is not trusted cannot name another"
    configure(failed_logins_per_minute=1, trusted_proxies="127.0.0.0/8 ::1")
    assert [tried("198.51.100.3"), tried("198.51.100.4"), tried("9.9.9.9, 198.51.100.4")] == [401, 401, 429]
