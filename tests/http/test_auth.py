"""Who asks, what they may see, and how often they may ask."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Scope

from app.clients.file import ClientKeys
from app.clients.key import ClientKey
from app.errors import BadRequest, Forbidden, KeyInQuery, RateLimited, Unauthorized
from app.http.auth import Authenticator, Viewer, reached_on_loopback
from app.interactions.masking import Audience
from app.settings import load
from app.workers import ALONE, Worker
from tests.scenarios.repeating import Field, scope_of
from tests.support.clock import HandClock
from tests.support.keys import Given, given, write

READER = given("reader", "read")
WRONG = given("reader", "read", last="1")

CREDENTIALS = [
    (b"authorization", b"Bearer cxf_demo_x"),
    (b"authorization", b"Basic Y3hmX2RlbW9feDo="),
    (b"authorization", b"Basic !"),
    (b"authorization", b"Basic !" + base64.b64encode(READER.secret.encode())),
    (b"authorization", b"Digest username=cxf_demo_x"),
    (b"authorization", b"Bearer"),
    (b"authorization", b""),
    (b"authorization", "Bearer schlüssel".encode()),
    (b"authorization", b"Bearer \xff\xfe\x00"),
    (b"authorization", b"Bearer " + b"x" * 10_240),
    (b"x-api-key", b"cxf_demo_x"),
    (b"x-api-key", b""),
    (b"x-api-key", b"\x80" * 10_240),
]


def authenticator(
    clock: HandClock | None = None, keys: Path | None = None, worker: Worker = ALONE, **changes: Any
) -> Authenticator:
    """A door with these settings, and the keys of a file."""
    clock = clock or HandClock()
    settings = load({"client_keys_file": keys, **changes}, environ={}, env_file=None)
    return Authenticator(settings, ClientKeys(keys), clock.clock, worker.share)


def request(*fields: Field, query: str = "", **changes: Any) -> Scope:
    return scope_of(f"/interactions?{query}", *fields, **changes)


def test_without_a_key_one_is_anonymous_with_the_scopes_configured_for_that() -> None:
    assert authenticator().viewer(request()) == Viewer("anonymous", frozenset({"read"}))
    assert authenticator(anonymous_scopes="read,pii:read").viewer(request()).scopes == {"read", "pii:read"}


def test_where_anonymous_clients_are_not_allowed_a_key_is_needed() -> None:
    with pytest.raises(Unauthorized):
        authenticator(allow_anonymous=False).viewer(request())


def test_where_there_are_keys_one_is_needed_unless_a_setting_says_otherwise(tmp_path: Path) -> None:
    keys = write(tmp_path / "keys.json", READER)
    with pytest.raises(Unauthorized):
        authenticator(keys=keys).viewer(request())
    assert authenticator(keys=keys, allow_anonymous=True).viewer(request()).label == "anonymous"
    assert authenticator(keys=keys).viewer(request(READER.field)) == Viewer("reader", frozenset({"read"}), READER.key)


@pytest.mark.threat("T37")
@pytest.mark.parametrize("server", [("192.0.2.7", 8080), ("2001:db8::7", 8080), ("0.0.0.0", 8080), None])
def test_what_counts_for_anonymous_clients_is_the_address_that_was_reached(server: tuple[str, int] | None) -> None:
    """Whatever CXF_HOST says: another server may have bound elsewhere."""
    with pytest.raises(Unauthorized):
        authenticator().viewer(request(server=server))
    assert authenticator(allow_anonymous=True).viewer(request(server=server)).label == "anonymous"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1"])
def test_every_loopback_address_is_one(host: str) -> None:
    assert reached_on_loopback(request(server=(host, 8080)))


@pytest.mark.threat("T31")
@pytest.mark.parametrize("field", CREDENTIALS, ids=lambda field: ascii(field[1][:20]))
@pytest.mark.parametrize("allowed", [True, False])
def test_a_key_nobody_knows_is_refused_also_where_none_is_needed(field: Field, allowed: bool, tmp_path: Path) -> None:
    keys = write(tmp_path / "keys.json", READER)
    for known in (None, keys):
        with pytest.raises(Unauthorized) as caught:
            authenticator(keys=known, allow_anonymous=allowed).viewer(request(field))
        assert "cxf_demo_x" not in caught.value.detail


UNREADABLE = "No key can be read here: send `Authorization: Bearer <key>`, `X-API-Key: <key>`, or Basic user name."
NEEDLESS = "This key is not known here: this service has no keys. Send the request without one."
UNKNOWN = "This key is not known here, was revoked, or has expired."


@pytest.mark.parametrize(
    ("field", "has_keys", "server", "words"),
    [
        ((b"x-api-key", b"abc"), False, "127.0.0.1", NEEDLESS),
        ((b"authorization", b"Basic abc"), False, "127.0.0.1", NEEDLESS),
        ((b"x-api-key", b"abc"), False, "192.0.2.7", UNKNOWN),
        ((b"x-api-key", b"abc"), True, "127.0.0.1", UNKNOWN),
        ((b"authorization", b"Basic abc"), True, "127.0.0.1", UNREADABLE),
        ((b"authorization", b"Digest abc"), True, "127.0.0.1", UNREADABLE),
        ((b"x-api-key", b""), True, "127.0.0.1", UNREADABLE),
    ],
)
def test_a_key_that_is_refused_is_told_what_to_send(
    field: Field, has_keys: bool, server: str, words: str, tmp_path: Path
) -> None:
    keys = write(tmp_path / "keys.json", READER) if has_keys else None
    with pytest.raises(Unauthorized) as caught:
        authenticator(keys=keys).viewer(request(field, server=(server, 8080)))
    assert caught.value.detail == words


@pytest.mark.parametrize(
    "field",
    [
        (b"authorization", b"Bearer " + READER.secret.encode()),
        (b"authorization", b"bEARER  " + READER.secret.encode() + b" "),
        (b"authorization", b"Basic " + base64.b64encode(f"{READER.secret}:".encode())),
        (b"authorization", b"basic " + base64.b64encode(f"{READER.secret}:anything".encode())),
        (b"authorization", b"Basic " + base64.b64encode(READER.secret.encode())),
        (b"x-api-key", READER.secret.encode()),
    ],
)
def test_a_key_may_be_sent_in_each_way_that_tools_know(field: Field, tmp_path: Path) -> None:
    assert authenticator(keys=write(tmp_path / "keys.json", READER)).viewer(request(field)).label == "reader"


@pytest.mark.threat("T31", "T35")
@pytest.mark.parametrize(
    "fields",
    [
        ((b"authorization", b"Bearer a"), (b"x-api-key", b"a")),
        ((b"x-api-key", b"a"), (b"x-api-key", b"a")),
        (READER.field, READER.field),
        (READER.field, (b"x-api-key", READER.secret.encode())),
        ((b"authorization", b""), (b"x-api-key", b"")),
    ],
)
def test_two_credentials_are_one_too_many(fields: tuple[Field, ...], tmp_path: Path) -> None:
    with pytest.raises(BadRequest):
        authenticator(keys=write(tmp_path / "keys.json", READER)).viewer(request(*fields))


@pytest.mark.threat("T32")
@pytest.mark.parametrize(
    "query",
    [
        "api_key=x",
        "limit=1&API-Key=x",
        "authorization=x",
        "key=x",
        "password=x",
        "secret=x",
        "token",
        "apikey=x",
        "accesstoken=x",
        "access_token=x",
        "client-key=x",
        "x-api-key=x",
        "x_api_key=x",
        "api_key[]=x",
        "%61pi_key=x",
        f"attr={READER.secret}",
        f"_={READER.secret}",
        f"attr=%63xf_reader_{READER.secret.rpartition('_')[2]}",
        f"limit=1;key={READER.secret}",
        f"%ff={READER.secret}",
    ],
)
def test_a_key_in_the_query_is_refused_whoever_asks(query: str, tmp_path: Path) -> None:
    for fields in ((), (READER.field,), (WRONG.field,)):
        with pytest.raises(KeyInQuery):
            authenticator(keys=write(tmp_path / "keys.json", READER)).viewer(request(*fields, query=query))


@pytest.mark.parametrize("query", ["attr=cxf_demo_x", "attr=cxf_", "attr=keys", "attr.token=1", "%", "attr=%zz", ""])
def test_what_is_no_key_is_left_to_those_who_read_the_query(query: str) -> None:
    assert authenticator().viewer(request(query=query)).label == "anonymous"


def test_an_expired_key_is_none(tmp_path: Path, clock: HandClock) -> None:
    short = given("short", "read", expires_at=clock.wall + timedelta(seconds=10))
    at = authenticator(clock, write(tmp_path / "keys.json", short))
    assert at.viewer(request(short.field)).label == "short"
    clock.advance(10)
    with pytest.raises(Unauthorized):
        at.viewer(request(short.field))


@pytest.mark.threat("T34")
@pytest.mark.parametrize(
    ("clients", "peers"),
    [
        (["2001:db8::1", "2001:db8::2", "2001:db8:0:0:f::"], 1),
        (["2001:db8::1", "2001:db8:1::1"], 2),
        (["::ffff:192.0.2.1", "192.0.2.1"], 1),
        (["::ffff:192.0.2.1", "::ffff:192.0.2.2"], 2),
        (["fe80::1%eth0", "fe80::2%eth1"], 1),
        (["", "unix"], 1),
    ],
)
def test_a_peer_is_the_address_behind_the_socket_and_of_ipv6_a_network(clients: list[str], peers: int) -> None:
    opened = authenticator()
    claimed = (b"x-forwarded-for", b"203.0.113.9")
    assert len({opened.viewer(request(claimed, client=(client, 1))).owner for client in clients}) == peers


def test_whose_turn_a_fetch_takes_is_the_keys_or_else_the_addresss(tmp_path: Path) -> None:
    other = given("second", "read")
    opened = authenticator(keys=write(tmp_path / "keys.json", READER, other), allow_anonymous=True)

    def owner(*fields: Field, host: str = "192.0.2.7") -> str:
        return opened.viewer(request(*fields, client=(host, 50_000))).owner

    assert owner() == owner() == "192.0.2.7"
    assert owner(host="2001:db8::1") == owner(host="2001:db8::2") == "2001:db8::/64"
    assert owner(READER.field) == owner(READER.field, host="192.0.2.8")
    assert len({owner(), owner(host="192.0.2.8"), owner(READER.field), owner(other.field)}) == 4


def charged(at: Authenticator, key: Given) -> tuple[dict[bytes, bytes], float]:
    fields, wait = at.charge(at.viewer(request(key.field)))
    return dict(fields), wait


def test_a_quota_is_a_bucket_that_fills_evenly_and_says_how_full_it_is(tmp_path: Path, clock: HandClock) -> None:
    limited = given("limited", "read", quota=3)
    at = authenticator(clock, write(tmp_path / "keys.json", limited, READER))
    assert charged(at, READER) == ({}, 0)
    left = [charged(at, limited) for _ in range(4)]
    assert [fields[b"ratelimit"] for fields, _ in left] == [
        b'"key";r=2;t=20',
        b'"key";r=1;t=20',
        b'"key";r=0;t=20',
        b'"key";r=0;t=20',
    ]
    assert [wait for _, wait in left] == [0, 0, 0, 20]
    assert {fields[b"ratelimit-policy"] for fields, _ in left} == {b'"key";q=3;w=60'}
    clock.advance(20)
    assert [charged(at, limited)[1] for _ in range(2)] == [0, 20]
    clock.advance(3600)
    assert [charged(at, limited)[1] for _ in range(4)] == [0, 0, 0, 20]


def test_a_quota_is_divided_between_workers(tmp_path: Path, clock: HandClock) -> None:
    limited = given("limited", "read", quota=3)
    keys = write(tmp_path / "keys.json", limited)
    doors = [authenticator(clock, keys, Worker(n, n, 2)) for n in (1, 2)]
    assert [charged(at, limited)[1] > 0 for at in doors for _ in range(3)] == [False, False, True, False, True, True]


def test_the_quota_of_the_key_that_asked_longest_ago_is_forgotten_where_they_are_too_many() -> None:
    at = authenticator()

    def wait(number: int) -> float:
        key = ClientKey("limited", b"%d" % number, frozenset(), quota=1)
        return at.charge(Viewer(key.label, key.scopes, key))[1]

    assert [wait(number) for number in range(10_000)] == [0] * 10_000
    assert wait(0) == 60
    assert wait(10_000) == 0
    assert wait(2) == 60
    assert wait(1) == 0


def test_a_request_is_admitted_with_its_viewer_and_the_fields_of_its_quota_in_its_state(tmp_path: Path) -> None:
    limited = given("limited", "read", quota=3)
    scope = request(limited.field)
    viewer = authenticator(keys=write(tmp_path / "keys.json", limited)).admit(scope, "read")
    assert viewer == Viewer("limited", frozenset({"read"}), limited.key)
    assert scope["state"] == {
        "viewer": viewer,
        "answer_fields": [(b"ratelimit-policy", b'"key";q=3;w=60'), (b"ratelimit", b'"key";r=2;t=20')],
    }


def test_a_request_without_the_scope_counts_and_past_its_quota_a_key_hears_when_to_come_back(
    tmp_path: Path, clock: HandClock
) -> None:
    limited = given("limited", "read", quota=1)
    at = authenticator(clock, write(tmp_path / "keys.json", limited))
    with pytest.raises(Forbidden):
        at.admit(request(limited.field), "metrics:read")
    with pytest.raises(RateLimited) as caught:
        at.admit(request(limited.field), None)
    assert caught.value.retry_after_seconds == 60
    clock.advance(60)
    assert at.admit(request(limited.field), None).label == "limited"


def test_how_long_a_response_may_be_replayed_to_a_credential(tmp_path: Path, clock: HandClock) -> None:
    limited = given("limited", "read", quota=3)
    short = given("short", "read", expires_at=clock.wall + timedelta(seconds=10))
    path = write(tmp_path / "keys.json", limited, short, READER)
    at = authenticator(clock, path, allow_anonymous=True)
    viewers = {one: at.viewer(request(*fields)) for one, fields in (("nobody", ()), ("reader", (READER.field,)))}
    assert [at.replay_seconds(one) for one in viewers.values()] == [None, None]
    assert at.viewer(request(limited.field)).has_quota
    assert not any(viewer.has_quota for viewer in viewers.values())
    assert at.replay_seconds(at.viewer(request(limited.field))) is None
    shortly = at.viewer(request(short.field))
    clock.advance(4)
    assert at.replay_seconds(shortly) == 6
    clock.advance(7)
    assert at.replay_seconds(shortly) == 0
    write(path, limited, short)
    at.keys.reread()
    assert at.replay_seconds(viewers["reader"]) == 0


def test_a_missing_scope_is_named() -> None:
    viewer = Viewer("v", frozenset({"read"}))
    viewer.require("read")
    with pytest.raises(Forbidden, match="metrics:read"):
        viewer.require("metrics:read")


@pytest.mark.parametrize(
    ("scopes", "clear", "expected"),
    [
        ({"read"}, False, Audience()),
        ({"read", "notes:read"}, False, Audience(notes=True)),
        ({"read", "pii:read"}, False, Audience()),
        ({"read", "pii:read"}, True, Audience(clear=True)),
        ({"read", "pii:read", "notes:read"}, True, Audience(clear=True, notes=True)),
    ],
)
def test_an_audience_sees_what_its_scopes_allow_and_clear_data_only_when_asked_for(
    scopes: set[str], clear: bool, expected: Audience
) -> None:
    assert Viewer("v", frozenset(scopes)).audience(clear=clear) == expected


@pytest.mark.parametrize("scopes", [set(), {"read"}, {"read", "notes:read"}])
def test_clear_data_needs_its_scope(scopes: set[str]) -> None:
    with pytest.raises(Forbidden):
        Viewer("v", frozenset(scopes)).audience(clear=True)
