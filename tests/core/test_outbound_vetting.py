"""Which URLs may be called. The world's tricks for reaching inside are listed here one by one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from ipaddress import ip_address
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.outbound import OutboundRefused, vet, vet_headers
from core.outbound.addresses import is_public
from core.outbound.vetting import Resolve

PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
INSIDE = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:93.184.215.14",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1",
    "2001:db8::1",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
NUMBERS = [
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "169.254.43518",
    "0",
    "1",
    "0x",
    "127.0.0.1.",
    "93.184.215.014",
    "1.2.3.4.5",
    "256.1.1.1",
    "example.0x1",
    "example.1",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
    "\u2460\u2461\u2466.0.0.1",
    "127.0.0.1%00.example.org",
    "%31%32%37.0.0.1",
]


def names(*addresses: str) -> Resolve:
    """A resolver that gives every name these addresses."""

    def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


def never(host: str, _port: int) -> Sequence[str]:
    raise AssertionError(f"{host} was looked up.")


@pytest.fixture(autouse=True)
def no_network_of_our_own(settings: Any) -> Any:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    return settings


def refusal_of(url: str, resolve: Resolve = never) -> str:
    with pytest.raises(OutboundRefused) as refusal:
        vet(url, resolve=resolve)
    assert (refusal.value.status, refusal.value.code) == (400, "outbound_refused")
    return str(refusal.value.facts["reason"])


class TestAddresses:
    @pytest.mark.parametrize("address", INSIDE)
    def test_an_inner_address_is_refused_as_itself_and_behind_a_name(self, address: str) -> None:
        literal = f"[{address}]" if ":" in address else address
        assert refusal_of(f"https://{literal}/") == "host"
        assert refusal_of(f"https://{literal}:8443/") == "host"
        assert refusal_of("https://hooks.example.org/", names(address)) == "host"

    @pytest.mark.parametrize("address", INSIDE)
    def test_one_bad_address_among_good_ones_spoils_the_name(self, address: str) -> None:
        assert refusal_of("https://hooks.example.org/", names(PUBLIC, address)) == "host"
        assert refusal_of("https://hooks.example.org/", names(address, PUBLIC_6)) == "host"

    @pytest.mark.parametrize("host", NUMBERS)
    def test_an_address_in_disguise_is_refused_before_anyone_resolves_it(self, host: str) -> None:
        assert refusal_of(f"https://{host}/") == "host"
        assert refusal_of(f"https://{host}:443/") == "host"

    @pytest.mark.parametrize("zone", ["[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1%25lo]", "[v1.x]", "[127.0.0.1]"])
    def test_zones_and_future_addresses_are_refused(self, zone: str) -> None:
        assert refusal_of(f"https://{zone}/") in {"host", "url"}

    def test_a_resolver_that_answers_with_a_zone_or_nonsense_is_not_believed(self) -> None:
        for odd in ("fe80::1%eth0", "nonsense", "0x7f.1"):
            assert refusal_of("https://hooks.example.org/", names(PUBLIC, odd)) == "host"

    @pytest.mark.parametrize(
        "address", [PUBLIC, PUBLIC_6, "1.1.1.1", "9.9.9.9", "11.0.0.1", "100.63.255.255", "100.128.0.0",
                    "126.255.255.255", "128.0.0.1", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.1",
                    "223.255.255.255",
                    "2001:200::1", "2a00:1450::1", "2003::1", "3ffe::1"]
    )  # fmt: skip
    def test_the_public_internet_is_public_up_to_its_borders(self, address: str) -> None:
        assert is_public(ip_address(address))

    @given(st.ip_addresses())
    def test_what_python_calls_private_is_never_public_to_us(self, address: Any) -> None:
        if is_public(address):
            assert address.is_global
            assert not any((address.is_multicast, address.is_reserved, address.is_loopback, address.is_link_local))


class TestURLs:
    def test_a_good_url_becomes_a_target(self) -> None:
        target = vet("HTTPS://Hooks.Example.org/a%20b?c=d#part", resolve=names(PUBLIC, PUBLIC_6))
        assert (target.scheme, target.host, target.port, target.path) == (
            "https",
            "hooks.example.org",
            443,
            "/a%20b?c=d",
        )
        assert target.addresses == (PUBLIC, PUBLIC_6)
        assert target.url == "https://hooks.example.org/a%20b?c=d"

    @pytest.mark.parametrize(
        ("url", "authority", "path"),
        [
            ("https://example.org", "example.org", "/"),
            ("https://example.org?a", "example.org", "/?a"),
            ("https://example.org:443/", "example.org", "/"),
            ("https://example.org:8443/", "example.org:8443", "/"),
            (f"https://{PUBLIC}/", PUBLIC, "/"),
            ("https://[2606:2800:021F::1]:8443/", "[2606:2800:21f::1]:8443", "/"),
            ("https://bücher.example/", "xn--bcher-kva.example", "/"),
            ("https://BÜCHER.example/", "xn--bcher-kva.example", "/"),
            ("https://my_host-1.example.org/", "my_host-1.example.org", "/"),
        ],
    )
    def test_host_and_path_are_sent_in_one_spelling(self, url: str, authority: str, path: str) -> None:
        target = vet(url, resolve=names(PUBLIC))
        assert (target.authority, target.path) == (authority, path)

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("http://example.org/", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("gopher://example.org/", "scheme"),
            ("ftp://example.org/", "scheme"),
            ("data:text/plain,hi", "scheme"),
            ("javascript:alert(1)", "scheme"),
            ("unix:/run/x.sock", "scheme"),
            ("//example.org/", "scheme"),
            ("example.org", "scheme"),
            ("", "scheme"),
            ("https:example.org", "url"),
            ("https:///path", "host"),
            ("https://", "host"),
            ("https://:443/", "host"),
            ("https://example.org:22/", "port"),
            ("https://example.org:25/", "port"),
            ("https://example.org:80/", "port"),
            ("https://example.org:5432/", "port"),
            ("https://example.org:6379/", "port"),
            ("https://example.org:0/", "port"),
            ("https://example.org:65536/", "port"),
            ("https://example.org:x/", "port"),
            ("https://user@example.org/", "user_info"),
            ("https://user:pass@example.org/", "user_info"),
            ("https://example.org@127.0.0.1/", "user_info"),
            ("https://@example.org/", "user_info"),
            ("https://example.org\\@127.0.0.1/", "url"),
            ("https://127.0.0.1\\.example.org/", "url"),
            ("https://exam\tple.org/", "url"),
            ("https://example.org/\r\nHost: inside", "url"),
            (" https://example.org/", "url"),
            ("https://example.org/a b", "url"),
            ("https://example.org/\x00", "url"),
            ("https://example.org/ü", "url"),
            ("https://example.org/?ü", "url"),
            ("https://[::1/", "url"),
            ("https://example.org/" + "a" * 2_000, "url"),
            ("https://example..org/", "host"),
            ("https://-example.org/", "host"),
            ("https://example.org./", "host"),
            ("https://" + "a" * 64 + ".org/", "host"),
            ("https://" + "a." * 127 + "org/", "host"),
            ("https://exa\u200bmple.org/", "host"),
            ("https://exam\u2100ple.org/", "url"),
        ],
    )
    def test_what_is_not_plain_https_to_a_name_is_refused(self, url: str, reason: str) -> None:
        assert refusal_of(url) == reason

    @given(st.text(max_size=40) | st.from_regex(r"https?://[^/]{0,30}(:[0-9]{0,6})?/.{0,10}"))
    def test_any_text_is_a_target_or_a_refusal(self, url: str) -> None:
        try:
            target = vet(url, resolve=names(PUBLIC))
        except OutboundRefused:
            return
        assert target.scheme == "https"
        assert target.port in {443, 8443}
        assert (target.host + target.path).isascii()
        assert vet(target.url, resolve=names(PUBLIC)) == target


class TestNames:
    def test_an_unknown_name_and_an_inner_name_answer_alike(self) -> None:
        def unknown(_host: str, _port: int) -> Sequence[str]:
            raise OSError

        answers = []
        for resolve in (unknown, names(), names("10.0.0.1")):
            with pytest.raises(OutboundRefused) as refusal:
                vet("https://db.internal.example/", resolve=resolve)
            answers.append((refusal.value.detail, refusal.value.facts))
        assert answers[0] == answers[1] == answers[2]

    def test_a_resolver_that_hangs_is_given_up(self) -> None:
        wait = Event()

        def hanging(_host: str, _port: int) -> Sequence[str]:
            wait.wait(10)
            return [PUBLIC]

        started = time.monotonic()
        try:
            with pytest.raises(OutboundRefused):
                vet("https://example.org/", resolve=hanging, seconds=0.2)
        finally:
            wait.set()
        assert time.monotonic() - started < 2

    def test_the_systems_resolver_finds_loopback_and_it_is_refused(self) -> None:
        with pytest.raises(OutboundRefused):
            vet("https://localhost/")


class TestNetworksOfOurOwn:
    @pytest.fixture(autouse=True)
    def allow(self, settings: Any) -> None:
        settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8", "10.1.0.0/16"]

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9999/x", "https://127.0.0.1/", "http://10.1.2.3:25/"])
    def test_any_port_and_http_are_fine_there(self, url: str) -> None:
        assert vet(url, resolve=never).url == url

    def test_a_name_is_fine_when_all_of_it_points_there(self) -> None:
        assert vet("http://receiver:9999/", resolve=names("10.1.2.3", "127.0.0.1")).port == 9999
        assert refusal_of("http://receiver:9999/", names("10.1.2.3", PUBLIC)) == "scheme"
        assert vet("https://receiver/", resolve=names("10.1.2.3", PUBLIC)).addresses == ("10.1.2.3", PUBLIC)

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("http://10.2.0.1/", "host"),
            ("http://169.254.169.254/", "host"),
            ("http://[::1]/", "host"),
            ("http://[::ffff:127.0.0.1]/", "host"),
            ("http://2130706433/", "host"),
            ("ftp://127.0.0.1/", "scheme"),
            ("http://u@127.0.0.1/", "user_info"),
            (f"http://{PUBLIC}/", "scheme"),
            (f"https://{PUBLIC}:9999/", "port"),
        ],
    )
    def test_the_rest_of_the_world_keeps_its_rules(self, url: str, reason: str) -> None:
        assert refusal_of(url) == reason


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "inside"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "upgrade"},
        {"X-Aws-Ec2-Metadata-Token": "t"},
        {"Metadata-Flavor": "Google"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Proxy-Authorization": "x"},
        {"Authorization": "Bearer x"},
        {"Cookie": "a=b"},
        {"Webhook-Signature": "v1,x"},
        {"X-Team": "a\r\nHost: inside"},
        {"X-Team": "a\x00"},
        {"X-Team": "ü"},
        {"X-Team": "x" * 1_001},
        {"X Team": "a"},
        {"X-Team:": "a"},
        {"": "a"},
        {"X-Team\n": "a"},
    ],
)
def test_a_user_cannot_choose_a_header_that_means_something_to_somebody_else(headers: dict[str, str]) -> None:
    with pytest.raises(OutboundRefused) as refusal:
        vet_headers(headers)
    assert refusal.value.facts["reason"] == "header"


def test_a_user_may_choose_a_harmless_header() -> None:
    vet_headers({"X-Team": "crisis desk", "X-Api-Key": "x" * 1_000})
