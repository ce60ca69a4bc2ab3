"""The sources of settings: precedence, unknown names, `.env`, files of secrets, inherited sockets."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import SECRETS, SETTINGS, SUPERVISED, inherited_sockets, is_supervised, load
from tests.settings.reading import CANARY, faults, read, secret_file

WRITABLE = "others may write; its mode must be 0644 or stricter, better 0440 or 0400"


def test_every_fault_is_told_at_once_each_once() -> None:
    lines = faults({"CXF_PORT": "x", "CXF_SLA_BY_QUEUE": "a=x,b=y", "CXF_POTR": "1"}, auth="bearer", prot=1)
    assert [line.split(" must")[0].split(" is")[0] for line in lines] == [
        "CXF_POTR (environment)",
        "CXF_AUTH (--auth)",
        "CXF_PORT (environment)",
        "CXF_SLA_BY_QUEUE (environment)",
        "prot (flag)",
    ]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CXF_PASSWROD", "CXF_PASSWORD"),
        ("CXF_TENANT", "CXF_TENANT_ID"),
        ("CXF_CLIENT_KEYS", "CXF_CLIENT_KEYS_FILE"),
        ("CXF_PASSWORDFILE", "CXF_PASSWORD_FILE"),
        ("Cxf_Port", "CXF_PORT"),
    ],
)
def test_an_unknown_name_is_refused_and_the_nearest_offered(name: str, nearest: str) -> None:
    assert faults({name: CANARY}) == (f"{name} (environment) is not a setting; did you mean {nearest}?",)


@pytest.mark.parametrize("name", ["CXF_DEMO", "CXF_", "CXF_PORT_FILE"])
def test_what_is_no_setting_has_no_name(name: str) -> None:
    [line] = faults({name: "1"})
    assert line.startswith(f"{name} (environment) is not a setting")


def test_other_names_of_the_environment_are_none_of_ours() -> None:
    assert read({"PORT": "1", "HTTP_PROXY": "x", "CXFACADE": "x"}).port == 8080


def test_flags_win_over_environment_over_env_file_over_default(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("CXF_PORT=1\nCXF_MAX_ROWS=1\nexport CXF_AUTH='token'\nOTHER=x\n# CXF_BAD=1\n")
    settings = load({"port": 3, "host": None}, environ={"CXF_PORT": "2", "CXF_MAX_ROWS": "2"}, env_file=env_file)
    assert (settings.port, settings.max_rows, settings.auth, settings.host) == (3, 2, "token", "127.0.0.1")
    sources = {row.name: row.source for row in settings.explain()}
    assert [sources[f"CXF_{name}"] for name in ("PORT", "MAX_ROWS", "AUTH", "HOST")] == [
        "flag",
        "environment",
        ".env file",
        "default",
    ]


def test_the_env_file_of_the_working_directory_and_the_process_environment_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CXF_PORT=1\n")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("CXF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CXF_MAX_ROWS", "7")
    settings = load()
    assert (settings.port, settings.max_rows) == (1, 7)


def test_a_dollar_in_the_env_file_starts_no_substitution(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("CXF_PASSWORD=a${HOME}b\n")
    assert load(environ={}, env_file=env_file).password == SecretStr("a${HOME}b")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"CXF_PORT=1\nCXF_TENANT_ID\n", ".env line 2 must read NAME=value."),
        (b"CXF_PASSWORD='" + CANARY.encode() + b"\n", ".env line 1 must read NAME=value."),
        (b"CXF_PASSWORD=\xff" + CANARY.encode(), ".env cannot be read as UTF-8 text."),
        (b"CXF_PROT=1\n", "CXF_PROT (.env file) is not a setting; did you mean CXF_PORT?"),
        (b"CXF_PORT=x\n", "CXF_PORT (.env file) must be a whole number."),
    ],
)
def test_a_fault_of_the_env_file_is_told(tmp_path: Path, content: bytes, line: str) -> None:
    env_file = tmp_path / ".env"
    env_file.write_bytes(content)
    assert faults({}, env_file) == (line,)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_may_stand_in_a_file(tmp_path: Path, name: str) -> None:
    secret = f"redis://{CANARY}" if name == "redis_url" else CANARY
    settings = read({f"CXF_{name.upper()}_FILE": secret_file(tmp_path, secret.encode() + b"\n")})
    held = getattr(settings, name)
    assert (held.get_secret_value() if isinstance(held, SecretStr) else held) == secret
    assert {row.name: row.source for row in settings.explain()}[f"CXF_{name.upper()}"] == "file"


@pytest.mark.parametrize(
    ("content", "secret"), [(b"a", "a"), (b"a\n", "a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a ", " a ")]
)
def test_only_the_final_line_break_of_a_secret_is_dropped(tmp_path: Path, content: bytes, secret: str) -> None:
    settings = read({"CXF_PASSWORD_FILE": secret_file(tmp_path, content)})
    assert settings.password == SecretStr(secret)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (CANARY.encode(), 0o620, WRITABLE),
        (CANARY.encode(), 0o602, WRITABLE),
        (CANARY.encode(), 0o666, WRITABLE),
        (b"", 0o600, "is empty"),
        (b"\n", 0o600, "is empty"),
        (b"\xff" + CANARY.encode(), 0o600, "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_hold_a_secret_is_refused(tmp_path: Path, content: bytes, mode: int, reason: str) -> None:
    path = secret_file(tmp_path, content, mode)
    assert faults({"CXF_PASSWORD_FILE": path}) == (f"CXF_PASSWORD_FILE (environment) names a file that {reason}.",)


@pytest.mark.threat("T08")
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o440, 0o444, 0o644])
def test_a_secret_that_others_may_read_is_taken_with_a_warning_and_one_of_the_group_without(
    tmp_path: Path, mode: int
) -> None:
    """0440 is a Kubernetes secret's mode, 0444 that of a secret of Docker Swarm."""
    settings = read({"CXF_PASSWORD_FILE": secret_file(tmp_path, CANARY.encode(), mode)})
    assert settings.password == SecretStr(CANARY)
    warned = "CXF_PASSWORD_FILE (environment) names a file that others may read; its mode is better 0440 or 0400."
    assert settings.warnings == ((warned,) if mode & 0o004 else ())


@pytest.mark.parametrize(
    ("url", "is_warned"),
    [
        ("redis://cache.example.com", True),
        ("redis://127.0.0.1:6380", False),
        ("redis://[::1]", False),
        ("rediss://cache.example.com", False),
        ("unix:///run/valkey.sock", False),
    ],
)
def test_a_tier_whose_values_can_be_read_on_the_way_is_worth_a_warning(url: str, *, is_warned: bool) -> None:
    warnings = read({"CXF_REDIS_URL": url, "CXF_TIER_SECRET": CANARY}).warnings
    assert [line.split()[0] for line in warnings] == ["CXF_REDIS_URL"] * is_warned


@pytest.mark.parametrize(
    ("given", "is_warned"),
    [
        ({"CXF_HOST": "0.0.0.0"}, True),
        ({"CXF_HOST": "facade.example.com"}, True),
        ({"CXF_HOST": "0.0.0.0", "CXF_ALLOWED_HOSTS": "localhost"}, False),
        ({"CXF_HOST": "::", "CXF_PUBLIC_URL": "https://facade.example.com"}, False),
        ({"CXF_HOST": "::1"}, False),
        ({}, False),
    ],
)
def test_a_service_for_other_machines_that_has_the_names_of_this_one_alone_is_worth_a_warning(
    given: dict[str, str], *, is_warned: bool
) -> None:
    warnings = read(given).warnings
    assert ["CXF_ALLOWED_HOSTS" in line for line in warnings] == [True] * is_warned


@pytest.mark.parametrize(
    ("path", "reason"), [(CANARY, "does not exist"), (".", "cannot be read"), ("\0", "cannot be read")]
)
def test_a_path_that_cannot_be_read_is_refused_and_not_shown(path: str, reason: str) -> None:
    assert faults({"CXF_PASSWORD_FILE": path}) == (f"CXF_PASSWORD_FILE (environment) names a file that {reason}.",)


def test_a_secret_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    path = secret_file(tmp_path, CANARY.encode())
    assert faults({"CXF_PASSWORD": CANARY, "CXF_PASSWORD_FILE": path}) == (
        "CXF_PASSWORD_FILE (environment) and CXF_PASSWORD are both set; give one of them.",
    )


def test_no_line_repeats_a_value() -> None:
    lines = faults({row.name: f"{CANARY}:{CANARY}" for row in SETTINGS})
    free_text = {"CXF_USERNAME", "CXF_PASSWORD", "CXF_PSEUDONYM_SECRET", "CXF_TIER_SECRET", "CXF_ATTRIBUTES"}
    paths = {"CXF_CLIENT_KEYS_FILE", "CXF_QUESTIONS_FILE"}
    assert {line.split()[0] for line in lines} == {row.name for row in SETTINGS} - free_text - paths


@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({}, 0),
        ({"LISTEN_FDS": "1"}, 0),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, 1),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}, 2),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, 0),
        ({"LISTEN_PID": "7"}, 0),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "-1"}, 0),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "x"}, 0),
        ({"LISTEN_PID": "²", "LISTEN_FDS": "1"}, 0),
    ],
)
def test_sockets_are_taken_only_where_they_were_meant_for_this_process(environ: dict[str, str], count: int) -> None:
    assert inherited_sockets(environ, process_id=7) == count


@pytest.mark.parametrize(
    ("environ", "is_worker"),
    [
        ({"LISTEN_PID": "7", **SUPERVISED}, True),
        ({"LISTEN_PID": "8", **SUPERVISED}, False),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, False),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}, False),
        ({}, False),
    ],
)
def test_a_worker_knows_its_supervisor_by_the_names_of_its_sockets(environ: dict[str, str], is_worker: bool) -> None:
    assert is_supervised(environ, process_id=7) is is_worker
