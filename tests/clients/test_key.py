"""What a key looks like, and what looks like one."""

import pytest

from app.clients.key import (
    BASE62,
    LEAST_SECRET_LENGTH,
    SECRET_LENGTH,
    ClientKey,
    digest_of,
    holds_key,
    is_label,
    new_secret,
)
from tests.support.clock import HandClock


@pytest.mark.threat("T31")
def test_a_secret_names_its_key_and_is_past_guessing() -> None:
    secrets = {new_secret("grafana-2") for _ in range(1_000)}
    assert len(secrets) == 1_000
    for secret in secrets:
        prefix, label, rest = secret.split("_")
        assert (prefix, label) == ("cxf", "grafana-2")
        assert len(rest) == SECRET_LENGTH >= LEAST_SECRET_LENGTH
        assert set(rest) <= set(BASE62)
    assert set("".join(secret.rpartition("_")[2] for secret in secrets)) == set(BASE62)
    assert len(BASE62) ** SECRET_LENGTH > 2**128


@pytest.mark.parametrize(("label", "may"), [("a", True), ("Team-7", True), ("x" * 40, True), ("x" * 41, False)])
def test_a_label_is_short_and_plain(label: str, may: bool) -> None:
    assert is_label(label) is may


@pytest.mark.parametrize("label", ["", "a_b", "a b", "é", "a\n", "a.b", "٣"])
def test_nothing_else_is_a_label(label: str) -> None:
    assert not is_label(label)


@pytest.mark.threat("T32")
def test_a_key_is_seen_wherever_it_stands() -> None:
    secret = new_secret("demo")
    for text in (
        secret,
        f"attr={secret}",
        f"cxf_{secret}",
        f"x{secret}y",
        f"{secret[:-8]}&{secret}",
        new_secret("cxf"),
    ):
        assert holds_key(text)
    assert holds_key(new_secret("cxf"))
    for text in ("", "cxf_", "cxf_demo", "cxf_demo_x", secret[: -(SECRET_LENGTH - 31)], secret.replace("_", "-")):
        assert not holds_key(text)


def test_two_keys_never_share_a_digest_and_what_is_kept_is_no_key() -> None:
    one, other = new_secret("a"), new_secret("a")
    assert digest_of(one.encode()) != digest_of(other.encode())
    assert len(digest_of(one.encode())) == 32


def test_a_key_is_over_at_its_expiry(clock: HandClock) -> None:
    key = ClientKey("a", b"", frozenset(), expires_at=clock.wall)
    assert key.is_over(clock.wall)
    assert not ClientKey("a", b"", frozenset()).is_over(clock.wall)
