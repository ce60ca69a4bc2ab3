"""What proxies say of a request: believed of those that are trusted, and of nobody else."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from app.http.forwarding import MOST_HOPS, Forwarding, client_of
from app.owners import address_of
from tests.scenarios.repeating import Field, scope_of

PROXY, STRANGER, CLIENT = "10.0.0.1", "203.0.113.9", "198.51.100.7"
NETWORKS = ("10.0.0.0/8", "2001:db8:1::/48")
HOST = (b"host", b"inside:8080")
ALL: tuple[Field, ...] = (
    (b"x-forwarded-for", CLIENT.encode()),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"reports.example"),
    (b"x-forwarded-prefix", b"/cx"),
)
TRUSTED = Forwarding(None, NETWORKS)


def came(*fields: Field, peer: str = PROXY, target: str = "/interactions?attr=VIP") -> Scope:
    """A request as the listener has it."""
    return {**scope_of(target, HOST, *fields), "client": (peer, 50_000), "server": ("127.0.0.1", 8080)}


def seen(*fields: Field, peer: str = PROXY, forwarding: Forwarding = TRUSTED) -> dict[str, object]:
    """What is made of it."""
    scope = forwarding.seen(came(*fields, peer=peer))
    return {
        "client": scope["client"][0],
        "server": scope["server"],
        "url": forwarding.url(scope, "/interactions"),
        "path": scope["path"],
        "raw_path": scope["raw_path"],
        "root_path": scope["root_path"],
    }


OWN = {
    "client": PROXY,
    "server": ("127.0.0.1", 8080),
    "url": "http://inside:8080/interactions",
    "path": "/interactions",
    "raw_path": b"/interactions",
    "root_path": "",
}
FORWARDED = {
    "client": CLIENT,
    "server": None,
    "url": "https://reports.example/cx/interactions",
    "path": "/cx/interactions",
    "raw_path": b"/cx/interactions",
    "root_path": "/cx",
}


def test_a_trusted_proxy_is_believed() -> None:
    assert seen(*ALL) == FORWARDED
    assert seen(*ALL, peer="::ffff:10.0.0.1") == FORWARDED
    assert seen(*ALL, peer="2001:db8:1::7") == FORWARDED


@pytest.mark.threat("T34")
@pytest.mark.parametrize("peer", [STRANGER, "11.0.0.1", "2001:db8:2::1", "127.0.0.1", "", "unix"])
def test_nobody_else_is_believed(peer: str) -> None:
    scope = came(*ALL, peer=peer)
    assert TRUSTED.seen(scope) is scope
    unknown = {**came(*ALL), "client": None}
    assert TRUSTED.seen(unknown) is unknown
    nobody = came(*ALL)
    assert Forwarding(None, ()).seen(nobody) is nobody


def test_a_trusted_proxy_that_says_nothing_is_a_client() -> None:
    assert seen() == OWN


@pytest.mark.threat("T34")
@pytest.mark.parametrize(
    ("fields", "client"),
    [
        ([CLIENT], CLIENT),
        ([f"{CLIENT}:4711"], CLIENT),
        ([f" {CLIENT}\t"], CLIENT),
        (["2001:db8:9::1"], "2001:db8:9::1"),
        (["[2001:db8:9::1]"], "2001:db8:9::1"),
        (["[2001:DB8:9:0::1]:4711"], "2001:db8:9::1"),
        (["::ffff:198.51.100.7"], CLIENT),
        (["fe80::1%eth0"], "fe80::1"),
        # What a client has sent itself stands to the left of what the first trusted proxy saw.
        ([f"192.0.2.1, {CLIENT}"], CLIENT),
        ([f"10.0.0.7, {CLIENT}"], CLIENT),
        (["192.0.2.1", CLIENT], CLIENT),
        ([f"192.0.2.1, {CLIENT}, 10.0.0.2, 10.0.0.3"], CLIENT),
        ([f"192.0.2.1, {CLIENT}", "10.0.0.2", "2001:db8:1::2"], CLIENT),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        # Beyond a hop that is no address nothing is known: its sender is the client.
        ([""], PROXY),
        (["unknown"], PROXY),
        (["_hidden"], PROXY),
        ([f"{CLIENT}, unknown"], PROXY),
        ([f"{CLIENT}, unknown, 10.0.0.2"], "10.0.0.2"),
        ([f"{CLIENT},"], PROXY),
        ([f"{CLIENT}:port"], PROXY),
        (["[2001:db8:9::1"], PROXY),
        (["2001:db8:9::1]:80"], PROXY),
        (["198.51.100"], PROXY),
        (["0198.51.100.7"], PROXY),
        (["1" * 5000], PROXY),
        (["\xe9"], PROXY),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_no_trusted_proxy(fields: list[str], client: str) -> None:
    sent = [(b"x-forwarded-for", one.encode("latin-1")) for one in fields]
    assert seen(*sent) == {**OWN, "client": client, "server": None}


HOPS = st.lists(
    st.sampled_from([PROXY, "10.9.9.9", STRANGER, CLIENT, "unknown", "", "[::1]:80", "2001:db8:1::5"])
    | st.text(max_size=12),
    max_size=2 * MOST_HOPS,
)


@given(HOPS)
def test_a_client_cannot_choose_its_address(spoofed: list[str]) -> None:
    """Whatever it sends, the proxy it reached adds the address that it saw."""
    assert client_of(PROXY, [*spoofed, CLIENT, "10.0.0.2"], TRUSTED.is_trusted) == CLIENT


@given(HOPS)
def test_whatever_the_hops_are_the_client_is_an_address_that_somebody_trusted_named(hops: list[str]) -> None:
    address = address_of(client_of(PROXY, hops, TRUSTED.is_trusted))
    assert address is not None
    read = ",".join(hops).split(",")
    assert str(address) in {PROXY, "::1"} | {hop.strip() for hop in read} or any(
        address in ip_network(network) for network in NETWORKS
    )


@pytest.mark.parametrize(
    ("field", "value", "url"),
    [
        ("proto", "https", "https://inside:8080/interactions"),
        ("proto", "HTTPS", "https://inside:8080/interactions"),
        ("proto", "http,https", "https://inside:8080/interactions"),
        ("proto", "wss", OWN["url"]),
        ("proto", "javascript", OWN["url"]),
        ("proto", "", OWN["url"]),
        ("host", "reports.example", "http://reports.example/interactions"),
        ("host", "reports.example:8443", "http://reports.example:8443/interactions"),
        ("host", "[2001:db8::1]:8443", "http://[2001:db8::1]:8443/interactions"),
        ("host", "spoofed.example, reports.example", "http://reports.example/interactions"),
        ("host", "a/?x", OWN["url"]),
        ("host", "user@reports.example", OWN["url"]),
        ("host", "", OWN["url"]),
        ("prefix", "/cx", "http://inside:8080/cx/interactions"),
        ("prefix", "/cx/", "http://inside:8080/cx/interactions"),
        ("prefix", "/a/b.c", "http://inside:8080/a/b.c/interactions"),
        ("prefix", "/interactions", "http://inside:8080/interactions/interactions"),
        ("prefix", "/", OWN["url"]),
        ("prefix", "cx", OWN["url"]),
        ("prefix", "//evil.example", OWN["url"]),
        ("prefix", "/a/../b", OWN["url"]),
        ("prefix", "/c%78", OWN["url"]),
        ("prefix", "/a?b", OWN["url"]),
        ("prefix", "/a;b", OWN["url"]),
        ("prefix", "/\xe9", OWN["url"]),
        ("prefix", "/" + "a" * 200, OWN["url"]),
    ],
)
def test_what_makes_no_link_is_passed_over(field: str, value: str, url: str) -> None:
    assert seen((f"x-forwarded-{field}".encode(), value.encode("latin-1")))["url"] == url


def test_a_proxy_that_speaks_tls_to_us_may_say_that_its_client_did_not() -> None:
    scope = TRUSTED.seen({**came((b"x-forwarded-proto", b"http")), "scheme": "https"})
    assert scope["scheme"] == "http"


def test_the_port_of_a_forwarded_client_is_unknown() -> None:
    assert TRUSTED.seen(came(*ALL))["client"] == (CLIENT, 0)


@pytest.mark.parametrize(("proxies", "client"), [(31, CLIENT), (32, "10.0.0.7")])
def test_of_a_chain_the_32_nearest_hops_are_looked_at(proxies: int, client: str) -> None:
    assert client_of(PROXY, [CLIENT, *["10.0.0.7"] * proxies], TRUSTED.is_trusted) == client


@pytest.mark.parametrize(("characters", "client"), [(80, CLIENT), (81, PROXY)])
def test_a_hop_of_more_than_80_characters_is_no_address(characters: int, client: str) -> None:
    assert client_of(PROXY, [CLIENT.rjust(characters)], TRUSTED.is_trusted) == client


def test_of_several_fields_the_nearest_proxys_counts() -> None:
    twice = [(name, b"spoofed.example") for name, _ in ALL[1:]]
    assert seen(*twice, *ALL) == FORWARDED


def test_a_doubled_host_stays_doubled() -> None:
    scope = TRUSTED.seen(came(HOST, *ALL))
    assert [value for name, value in scope["headers"] if name == b"host"] == [b"reports.example"] * 2


def test_links_are_built_from_the_public_url_whoever_asks() -> None:
    public = Forwarding("https://public.example:8443/call-centre", NETWORKS)
    below = {
        "url": "https://public.example:8443/call-centre/interactions",
        "path": "/call-centre/interactions",
        "raw_path": b"/call-centre/interactions",
        "root_path": "/call-centre",
    }
    assert seen(forwarding=public) == {**OWN, **below}
    assert seen(*ALL, peer=STRANGER, forwarding=public) == {**OWN, **below, "client": STRANGER}
    assert seen(*ALL, forwarding=public) == {**below, "client": CLIENT, "server": None}
    assert public.hosts == ("public.example",)
    assert Forwarding("https://[2001:db8::1]:8443", ()).hosts == ("[2001:db8::1]",)
    assert Forwarding(None, ()).hosts == ()


def test_a_public_url_without_a_prefix_leaves_the_path_alone() -> None:
    public = Forwarding("https://public.example", NETWORKS)
    told = seen(*ALL, forwarding=public)
    assert (told["url"], told["path"]) == ("https://public.example/interactions", "/interactions")


def test_what_is_no_request_is_left_alone() -> None:
    lifespan: Scope = {"type": "lifespan"}
    assert Forwarding("https://public.example/cx", NETWORKS).seen(lifespan) is lifespan
