"""`cxfacade keys`: makes, shows and revokes, says each fault in a line, and shows a key exactly once."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import program
from app.clients.key import digest_of
from tests.commands.running import CANARY, ran
from tests.support.keys import given, write


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the settings of a clean environment say that keys are."""
    for name in [name for name in os.environ if name.startswith("CXF_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXF_CLIENT_KEYS_FILE", str(tmp_path / "keys.json"))
    return tmp_path / "keys.json"


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(program, ["keys", *arguments])


def said(*arguments: str) -> Any:
    """What a command that succeeds says as JSON."""
    result = keys(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def stored(path: Path) -> Any:
    return json.loads(path.read_bytes())["keys"]


def test_a_key_is_shown_once_and_its_hash_is_kept(path: Path) -> None:
    result = keys("new", "grafana")
    assert (result.exit_code, result.stderr) == (0, "")
    secret = result.stdout.splitlines()[0]
    assert secret.startswith("cxf_grafana_")
    (key,) = stored(path)
    assert key == {
        "label": "grafana",
        "sha256": digest_of(secret.encode()).hex(),
        "scopes": ["read"],
        "origins": [],
        "expires_at": None,
        "quota": None,
    }
    assert path.stat().st_mode & 0o777 == 0o600
    for shown in (keys("list").stdout, keys("list", "--json").stdout):
        assert secret not in shown
        assert secret.rpartition("_")[2] not in shown
        assert key["sha256"] not in shown
    assert secret.encode() not in path.read_bytes()


def test_what_a_key_may_do_is_said_by_flags(path: Path) -> None:
    flags = ["--scope", "read", "--scope", "pii:read", "--origin", "https://APP.example", "--quota", "600"]
    made = said("new", "app", *flags, "--expires", "90d")
    assert (made["scopes"], made["origins"], made["quota"]) == (["read", "pii:read"], ["https://app.example"], 600)
    ends = datetime.fromisoformat(made["expires_at"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=5)
    (listed,) = said("list")["keys"]
    assert listed == {name: value for name, value in made.items() if name != "key"} | {"expired": False}
    row = keys("list").stdout.splitlines()[1]
    assert row.split() == ["app", "read,pii:read", made["expires_at"], "600/min", "https://app.example"]


def test_several_scopes_and_origins_may_stand_in_one_flag(path: Path) -> None:
    origins = "https://a.example,https://b.example"
    made = said("new", "app", "--scope", "read, pii:read", "--scope", "notes:read", "--origin", origins)
    assert (made["scopes"], made["origins"]) == (["read", "pii:read", "notes:read"], origins.split(","))


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2999-01-31", "2999-01-31T00:00:00Z"), ("2999-01-31T01:00:00+01:00", "2999-01-31T00:00:00Z")],
)
def test_an_expiry_may_be_a_date_or_a_time(path: Path, text: str, moment: str) -> None:
    assert said("new", "a", "--expires", text)["expires_at"] == moment


FAULTS = {
    ("new", "a_b"): "the label must be 1 to 40 letters, digits or -",
    ("new", "x" * 41): "the label",
    ("new", "a", "--scope", CANARY): "--scope must be one of: read, pii:read",
    ("new", "a", "--scope", "read,"): "--scope must be one of",
    ("new", "a", "--scope", f"read,{CANARY}"): "--scope must be one of",
    ("new", "a", "--origin", f"https://{CANARY}.example/path"): "--origin must be an origin like https://app.example",
    ("new", "a", "--origin", "*"): "--origin",
    ("new", "a", "--origin", "null"): "--origin",
    ("new", "a", "--expires", CANARY): "--expires must be like 90d, 2027-01-31",
    ("new", "a", "--expires", "0d"): "--expires must lie ahead",
    ("new", "a", "--expires", "2001-01-01"): "--expires must lie ahead",
    ("new", "a", "--expires", "9999999999999d"): "--expires must be like",
    ("new", "a", "--expires", "0000000009999999d"): "--expires must be like",
    ("new", "a", "--expires", "9" * 5_000 + "d"): "--expires must be like",
    ("new", "a", "--expires", "2999-01-31T00:00:00"): "--expires must be like",
    ("new", "a", "--quota", "0"): "--quota must be a whole number",
    ("new", "known"): "There is a key called known already",
    ("revoke", "nobody"): "No key has this label; `cxfacade keys list` shows",
}


@pytest.mark.parametrize("arguments", FAULTS, ids=" ".join)
def test_each_fault_is_a_line_and_changes_nothing(path: Path, arguments: tuple[str, ...]) -> None:
    before = write(path, given("known", "read")).read_bytes()
    result = keys(*arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"cxfacade: {FAULTS[arguments]}")
    assert CANARY not in line
    assert result.stdout == ""
    assert path.read_bytes() == before


def test_an_origin_is_kept_as_browsers_send_it(path: Path) -> None:
    made = said("new", "a", "--origin", "https://App.Example:443", "--origin", "http://app.example:8080")
    assert made["origins"] == ["https://app.example", "http://app.example:8080"]


def test_all_faults_of_a_new_key_are_told_at_once(path: Path) -> None:
    result = keys("new", "a_b", "--scope", "all", "--quota", "0")
    assert len(result.stderr.splitlines()) == 3
    assert not path.exists()


def test_a_key_that_is_revoked_is_gone_and_the_others_stay(path: Path) -> None:
    write(path, given("a", "read"), given("b", "read"))
    assert keys("revoke", "a").stdout == "The key a is revoked.\n"
    assert [key["label"] for key in stored(path)] == ["b"]
    assert said("revoke", "b") == {"revoked": "b"}
    assert stored(path) == []
    assert keys("list").stdout == "There are no keys; `cxfacade keys new <label>` makes one.\n"


def test_an_expired_key_is_marked(path: Path) -> None:
    write(path, given("old", "read", expires_at=datetime(2001, 1, 1, tzinfo=UTC)))
    assert "2001-01-01T00:00:00Z (over)" in keys("list").stdout
    assert said("list")["keys"][0]["expired"] is True


@pytest.mark.parametrize("arguments", [("list",), ("revoke", "a")])
def test_a_file_that_is_not_there_is_told(path: Path, arguments: tuple[str, ...]) -> None:
    result = keys(*arguments)
    assert result.exit_code == 2
    assert "names a file that does not exist; `cxfacade keys new` makes it." in result.stderr
    assert not path.exists()


@pytest.mark.parametrize("arguments", [("new", "a"), ("list",), ("revoke", "a")])
def test_a_bad_file_is_left_alone(path: Path, arguments: tuple[str, ...]) -> None:
    path.write_text('{"keys": [')
    path.chmod(0o600)
    result = keys(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is not JSON of the form" in result.stderr
    assert path.read_text() == '{"keys": ['


def test_where_no_file_is_named_the_setting_and_the_flag_are(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXF_CLIENT_KEYS_FILE")
    assert "CXF_CLIENT_KEYS_FILE is not set; name the file there, or with --client-keys-file." in keys("list").stderr
    other = path.with_name("other.json")
    assert said("new", "a", "--client-keys-file", str(other))["label"] == "a"
    assert stored(other)[0]["label"] == "a"


def test_the_program_itself_makes_and_revokes(tmp_path: Path) -> None:
    named = {"CXF_CLIENT_KEYS_FILE": str(tmp_path / "keys.json")}
    made = ran(tmp_path, "keys", "new", "demo", **named)
    assert made.stdout.startswith("cxf_demo_")
    assert "demo" in ran(tmp_path, "keys", "list", **named).stdout
    assert ran(tmp_path, "keys", "revoke", "demo", **named).stdout == "The key demo is revoked.\n"


@pytest.mark.threat("T67")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"CXF_HOST": "0.0.0.0"}, "Nobody may ask: name a file of client keys in CXF_CLIENT_KEYS_FILE, or set"),
        (
            {"CXF_ALLOW_ANONYMOUS": "false"},
            "Nobody may ask: name a file of client keys in CXF_CLIENT_KEYS_FILE, or set",
        ),
        ({"CXF_CLIENT_KEYS_FILE": "missing.json"}, "CXF_CLIENT_KEYS_FILE names a file that does not exist"),
        ({"CXF_CLIENT_KEYS_FILE": "."}, "CXF_CLIENT_KEYS_FILE names a file that cannot be read"),
        ({"CXF_ALLOW_ANONYMOUS": "maybe"}, "CXF_ALLOW_ANONYMOUS (environment) must be true or false"),
        ({"CXF_ALLOWED_ORIGINS": "*"}, "CXF_ALLOWED_ORIGINS (environment) must be of the form https://host"),
        ({"CXF_ALLOWED_ORIGINS": "null"}, "CXF_ALLOWED_ORIGINS (environment) must be of the form https://host"),
        ({"CXF_ATTRIBUTE_POLICY": "ssn=hide"}, "CXF_ATTRIBUTE_POLICY (environment) must be one of 'allow'"),
        ({"CXF_ATTRIBUTE_POLICY": "ssn"}, "CXF_ATTRIBUTE_POLICY (environment) must look like"),
        ({"CXF_ANONYMOUS_SCOPES": "all"}, "CXF_ANONYMOUS_SCOPES (environment) must be one of"),
    ],
)
def test_a_service_that_would_let_in_too_many_does_not_start(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    known = {"CXF_TENANT_ID": "00000000-0000-4000-8000-000000000000", "CXF_USERNAME": "u", "CXF_PASSWORD": CANARY}
    run = ran(tmp_path, "serve", "--port", "0", **known, **changes)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"cxfacade: {told}")
