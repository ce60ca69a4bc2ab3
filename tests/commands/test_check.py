"""`check`: what it sees, and each way it can fail as one line that says what to do."""

import json
import os
import pty
import re
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import httpx
import pytest
from redis import Redis
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import errors
from app.commands import check
from app.commands.check import TIER_REMEDIES
from app.holdings.probe import QUESTIONS
from app.remedies import REMEDIES, remedy
from app.settings import SETTINGS
from app.sharing import SIGNED_ELSEWHERE, UNKNOWN
from app.simulator import DEMO_PASSWORD, DEMO_TENANT_ID, DEMO_USERNAME, create_simulator
from app.tier.client import ERRORS
from tests.commands.forking import fork
from tests.commands.running import CANARY, environment, ran
from tests.support.pinned import pinning
from tests.support.serving import serve_in_thread
from tests.support.simulator import QUIET
from tests.support.tier import running_tier

TENANT = {"CXF_TENANT_ID": DEMO_TENANT_ID, "CXF_USERNAME": DEMO_USERNAME, "CXF_PASSWORD": DEMO_PASSWORD}
OTHER_TENANT = "2f6d4c1e-0000-4000-8000-0123456789ab"


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with serve_in_thread(create_simulator(QUIET)) as url:
        yield url


@pytest.fixture
def forbidding(simulator: str) -> Iterator[str]:
    """Upstream while its user lacks the permission."""
    control = f"{simulator}/__sim/faults"
    httpx.post(control, json={"kind": "status", "status": 403, "times": None}, trust_env=False).raise_for_status()
    yield simulator
    httpx.delete(control, trust_env=False).raise_for_status()


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_a_sound_set_up_shows_what_was_seen_and_where_each_setting_came_from(
    auth: str, simulator: str, tmp_path: Path
) -> None:
    done = ran(tmp_path, "check", "--upstream-url", simulator, "--auth", auth, **TENANT)
    assert (done.returncode, done.stderr) == (0, "")
    shown = {line.split()[0]: line for line in done.stdout.splitlines() if line.startswith("CXF_")}
    assert list(shown) == [row.name for row in SETTINGS]
    assert shown["CXF_UPSTREAM_URL"].endswith(f"{simulator}  (flag)")
    assert shown["CXF_TENANT_ID"].endswith(f"{DEMO_TENANT_ID}  (environment)")
    assert shown["CXF_PASSWORD"].endswith("********  (environment)")
    assert shown["CXF_PORT"].endswith("8080  (default)")
    assert DEMO_PASSWORD not in done.stdout
    assert re.search(r"^newest started at +2026-11-18T", done.stdout, re.MULTILINE)
    for seen in ("US/Eastern", "interactions "):
        assert seen in done.stdout


def test_json_holds_the_same_and_nothing_of_a_customer(simulator: str, tmp_path: Path) -> None:
    done = ran(tmp_path, "check", "--json", "--upstream-url", simulator, **TENANT)
    verdict = json.loads(done.stdout)
    assert (done.returncode, done.stderr, verdict["ok"], verdict["faults"]) == (0, "", True, [])
    assert [row["name"] for row in verdict["settings"]] == [row.name for row in SETTINGS]
    upstream = verdict["upstream"]
    assert upstream.pop("answered_in_seconds") >= 0
    assert upstream.pop("interactions") >= QUIET.interactions
    assert upstream.pop("newest_started_at") <= "2026-11-18T15:00:00.000Z"
    assert upstream == {"tenant_id": DEMO_TENANT_ID, "time_zone": "US/Eastern", "simulated": True}
    assert "+1" not in done.stdout


def test_a_warning_is_told_and_is_no_failure(simulator: str, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(DEMO_PASSWORD)
    secret.chmod(0o444)
    given = {**TENANT, "CXF_PASSWORD": "", "CXF_PASSWORD_FILE": str(secret)}
    done = ran(tmp_path, "check", "--json", "--upstream-url", simulator, **given)
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["ok"], verdict["faults"]) == (0, True, [])
    assert done.stderr == f"cxfacade: {verdict['warnings'][0]}\n"
    assert "others may read" in done.stderr


def test_pinned_questions_are_told_by_name_and_faults_of_their_file_in_a_line(simulator: str, tmp_path: Path) -> None:
    given = {**TENANT, "CXF_QUESTIONS_FILE": str(pinning(tmp_path, a={"path": "/notes"}, b={"path": "/segments"}))}
    done = ran(tmp_path, "check", "--upstream-url", simulator, **given)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^pinned questions +a, b$", done.stdout, re.MULTILINE)
    pinning(tmp_path, a={"path": CANARY})
    done = ran(tmp_path, "check", "--json", "--upstream-url", simulator, **given)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, "bad-settings")
    assert done.stderr.startswith("cxfacade: CXF_QUESTIONS_FILE: a: path must be the path of a list")
    assert done.stderr.count("\n") == 1
    served = ran(tmp_path, "serve", "--port", "0", **given)
    assert (served.returncode, served.stderr) == (2, done.stderr)


TIER = {"CXF_TIER_SECRET": "an invented secret of the tier"}


def test_the_shared_tier_is_tried(simulator: str, tmp_path: Path) -> None:
    with running_tier() as server:
        given = {**TENANT, **TIER, "CXF_REDIS_URL": server.url}
        done = ran(tmp_path, "check", "--upstream-url", simulator, **given)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.search(r"^shared tier +works$", done.stdout, re.MULTILINE)
        with Redis(unix_socket_path=str(server.socket)) as other:
            [fence] = other.keys("*:fence:*")
            other.set(fence.partition(b"fence:")[0] + b"epoch", b"CXF1 of another")
        done = ran(tmp_path, "check", "--json", "--upstream-url", simulator, **given)
        assert (done.returncode, json.loads(done.stdout)["code"]) == (1, "shared-tier")
        assert done.stderr.count("\n") == 1
        assert "CXF_TIER_SECRET must be the same" in done.stderr
    done = ran(tmp_path, "check", "--json", "--upstream-url", simulator, **given)
    assert done.stderr.startswith("cxfacade: The shared tier is of no use: the server cannot be reached; check host")
    assert json.loads(done.stdout)["upstream"]


@pytest.mark.parametrize(
    ("options", "version"), [((), r"valkey 9\.\d+\.\d+"), (("--rename-command", "HELLO", ""), "of an unknown version")]
)
def test_an_older_server_of_the_tier_is_a_warning(
    options: Sequence[str], version: str, simulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(check.LEAST_VERSIONS, "valkey", (99, 0, 0))
    with running_tier("valkey", *options) as server:
        for name, value in {**TENANT, **TIER, "CXF_REDIS_URL": server.url}.items():
            monkeypatch.setenv(name, value)
        verdict = check.examine({"upstream_url": simulator}, probe=False)
    assert (verdict.tier, verdict.faults, len(verdict.warnings)) == ("works", (), 1)
    assert re.match(f"The shared tier works, but its server is {version}; have", verdict.warnings[0])


@pytest.mark.parametrize(
    ("version", "is_made_for"),
    [
        ("redis 7.0.15", False),
        ("redis 8.6.2", False),
        ("redis 8.6.3", True),
        ("redis 8.10.0", True),
        ("valkey 8.1.4", False),
        ("valkey 9.0.0", True),
        ("valkey 9.1.0-rc1", True),
        ("other 9.1.2", False),
        (UNKNOWN, False),
    ],
)
def test_an_older_server_is_told_by_its_version(version: str, is_made_for: bool) -> None:
    assert check.is_made_for(version) is is_made_for


def test_every_fault_of_the_tier_has_a_remedy() -> None:
    assert {words for _, words in ERRORS} == TIER_REMEDIES.keys() - {SIGNED_ELSEWHERE}


FAILURES = {
    "upstream-auth": ({"CXF_PASSWORD": CANARY}, "CXF_USERNAME and CXF_PASSWORD"),
    "upstream-forbidden": ({"CXF_TENANT_ID": OTHER_TENANT}, "CXF_TENANT_ID"),
    "upstream-unreachable": ({"CXF_UPSTREAM_URL": "http://127.0.0.1:9"}, "CXF_UPSTREAM_URL"),
    "upstream-dns": ({"CXF_UPSTREAM_URL": "https://x.invalid"}, "resolve"),
    "upstream-tls": ({"CXF_UPSTREAM_URL": "https"}, "certificate or TLS"),
}


@pytest.mark.parametrize(("code", "auth"), [*((code, "basic") for code in FAILURES), ("upstream-auth", "token")])
def test_each_failure_is_one_line_that_says_what_to_do(code: str, auth: str, simulator: str, tmp_path: Path) -> None:
    changed, remedy_words = FAILURES[code]
    environ = {**TENANT, "CXF_UPSTREAM_URL": simulator, "CXF_AUTH": auth, **changed}
    if environ["CXF_UPSTREAM_URL"] == "https":
        environ["CXF_UPSTREAM_URL"] = simulator.replace("http:", "https:")
    done = ran(tmp_path, "check", "--json", **environ)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert remedy_words in done.stderr
    verdict = json.loads(done.stdout)
    assert (verdict["ok"], verdict["code"], verdict["upstream"]) == (False, code, None)
    assert [f"cxfacade: {fault}\n" for fault in verdict["faults"]] == [done.stderr]
    assert not any(secret in done.stdout + done.stderr for secret in (CANARY, DEMO_PASSWORD))


def test_a_missing_permission_is_named(forbidding: str, tmp_path: Path) -> None:
    done = ran(tmp_path, "check", "--upstream-url", forbidding, **TENANT)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "INTERACTIONS_API_READ_ALL" in done.stderr


def test_everything_wrong_with_the_settings_comes_at_once(tmp_path: Path) -> None:
    done = ran(tmp_path, "check", "--json", CXF_PORT=CANARY, CXF_PASWORD=CANARY, CXF_TENANT_ID="x")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 3
    assert json.loads(done.stdout)["code"] == "bad-settings"
    assert CANARY not in done.stdout + done.stderr


def test_what_is_missing_is_named_by_its_variable(tmp_path: Path) -> None:
    done = ran(tmp_path, "check")
    assert done.returncode == 1
    assert done.stderr.startswith("cxfacade: CXF_TENANT_ID, CXF_USERNAME, CXF_PASSWORD must be set to reach upstream")


def test_on_a_terminal_a_line_shows_that_it_works_and_is_taken_away(simulator: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        with Path(os.devnull).open("w") as nowhere:
            flags = ("check", "--upstream-url", simulator)
            assert fork(tmp_path, flags, environment(**TENANT), nowhere.fileno(), theirs).wait(45) == 0
        written = b""
        while b"\r" not in written.partition(b"\r")[2]:  # a terminal may pass it on in parts
            written += os.read(ours, 4096)
    finally:
        os.close(theirs)
        os.close(ours)
    words, blank, rest = written.decode().split("\r")
    assert (words, blank, rest) == ("asking the upstream …", " " * len(words), "")


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_the_probe_tells_each_finding_and_what_the_service_does_about_it(
    auth: str, simulator: str, tmp_path: Path
) -> None:
    journal = f"{simulator}/__sim/journal"
    httpx.delete(journal, trust_env=False).raise_for_status()
    done = ran(tmp_path, "check", "--probe", "--upstream-url", simulator, "--auth", auth, **TENANT)
    asked = httpx.get(journal, trust_env=False).json()
    assert (done.returncode, done.stderr, asked["violations"]) == (0, "", 0)
    assert asked["arrived"] <= 30
    said = [line.strip() for line in done.stdout.splitlines()]
    for question in QUESTIONS:
        (place,) = [place for place, line in enumerate(said) if line.endswith(question.words)]
        assert said[place].startswith(question.name)
        assert question.service[said[place + 1].partition(":")[0]] == said[place + 2]


@pytest.mark.parametrize("flags", [(), ("--probe",)])
def test_json_holds_the_findings_where_they_were_wanted(flags: tuple[str, ...], simulator: str, tmp_path: Path) -> None:
    done = ran(tmp_path, "check", "--json", *flags, "--upstream-url", simulator, **TENANT)
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["ok"]) == (0, True)
    if not flags:
        assert verdict["probe"] is None
        return
    assert [row["name"] for row in verdict["probe"]] == [question.name for question in QUESTIONS]
    (tested,) = [row for row in verdict["probe"] if row["name"] == "range-time"]
    assert (tested["finding"], tested["seen"]) == ("start", "")


def failing_after(calls: int, status: int) -> ASGIApp:
    """A simulator that answers so many calls, and then with a status alone."""
    simulator, arrived = create_simulator(QUIET), count()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_over = scope["type"] == "http" and next(arrived) >= calls
        await (Response(status_code=status) if is_over else simulator)(scope, receive, send)

    return app


@pytest.mark.parametrize(
    ("status", "kind"),
    [(503, errors.UpstreamUnavailable), (401, errors.UpstreamAuth), (429, errors.UpstreamThrottled)],
)
def test_a_fault_on_the_way_ends_the_probe_and_leaves_what_was_found(
    status: int, kind: type[errors.UpstreamError], tmp_path: Path
) -> None:
    with serve_in_thread(failing_after(5, status)) as url:
        done = ran(tmp_path, "check", "--probe", "--json", "--upstream-url", url, **TENANT)
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["ok"], verdict["code"]) == (1, False, kind.code)
    assert [row["name"] for row in verdict["probe"]] == [question.name for question in QUESTIONS[:3]]
    stopped = f"The probe stopped after 3 of {len(QUESTIONS)} questions."
    assert done.stderr == f"cxfacade: {stopped} {REMEDIES[kind]}\n"


def test_a_probe_that_cannot_begin_is_a_check_that_failed(simulator: str, tmp_path: Path) -> None:
    given = {**TENANT, "CXF_PASSWORD": CANARY}
    done = ran(tmp_path, "check", "--probe", "--json", "--upstream-url", simulator, **given)
    assert (done.returncode, json.loads(done.stdout)["probe"]) == (1, [])
    assert done.stderr == f"cxfacade: {REMEDIES[errors.UpstreamAuth]}\n"


def kinds(base: type[errors.CxfacadeError]) -> Iterator[type[errors.CxfacadeError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.parametrize("kind", [kind for kind in kinds(errors.UpstreamError) if "code" in vars(kind)])
def test_every_failure_of_upstream_has_a_remedy_of_its_own(kind: type[errors.CxfacadeError]) -> None:
    words = remedy(kind(CANARY))
    assert words == REMEDIES[kind]
    assert words.isprintable()
    assert words.endswith(".")
    assert CANARY not in words


def test_a_failure_of_our_own_says_so() -> None:
    assert remedy(errors.InternalError(CANARY)) == REMEDIES[errors.CxfacadeError]
