"""Which addresses no carrier on the internet can reach."""

from __future__ import annotations

import pytest

from worker.domain.public_address import why_unreachable

INSIDE = (
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
    "127.255.255.254", "0.0.0.0", "0", "10.0.0.1", "10.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.7", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fe80::1%25eth0]", "[fc00::1]", "[fd12:3456::1]",
    "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "[2001:db8::1]", "[ff02::1]", "[::127.0.0.1]", "１２７.0.0.1", "127。0。0。1", "127.0.0.1.",
)  # fmt: skip
KNOWN_HERE_ALONE = (
    "localhost", "LOCALHOST", "localhost.", "Localhost.", "web.localhost", "localhost.localdomain", "printer.local",
    "dialer.internal", "dialer.lan", "router.home.arpa", "nas.home", "dialer.corp", "dialer.test", "dialer.invalid",
    "dialer.example", "dialer", "web", "dialer-web-1", "ｌocalhost",
)  # fmt: skip
NO_HOSTS = ("%6cocalhost.com", "a_b..com", "-a.com", ".com", "exa mple.com", "a" * 64 + ".com")
OUTSIDE = (
    "dialer.example.com", "dialer.example.com.", "8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]", "bücher.de",
    "xn--bcher-kva.de", "my-localhost.com", "localhost.example.com", "10.example.com", "a.b.c.d.example.org",
)  # fmt: skip


@pytest.mark.parametrize("around", ["https://{}", "https://{}:8443", "https://{}/dialer", "http://{}"])
def test_an_address_that_no_carrier_reaches_is_found_out_in_every_spelling(around: str) -> None:
    why = {host: why_unreachable(around.format(host)) for host in (*INSIDE, *KNOWN_HERE_ALONE, *NO_HOSTS, "", "[::1")}
    assert {host: said for host, said in why.items() if not (said or "").startswith("It ")} == {}


@pytest.mark.parametrize("host", OUTSIDE)
def test_an_address_on_the_internet_passes_if_it_is_encrypted(host: str) -> None:
    assert why_unreachable(f"https://{host}") is None
    assert why_unreachable(f"HTTPS://{host}:8443/dialer") is None
    assert "http://" in str(why_unreachable(f"http://{host}"))


@pytest.mark.parametrize("user", ["me@", "me:secret@", ":@", "127.0.0.1@", "dialer.example.com@"])
def test_a_user_in_the_address_is_refused_and_not_repeated(user: str) -> None:
    why = why_unreachable(f"https://{user}dialer.example.com")
    assert why is not None
    assert user not in why
