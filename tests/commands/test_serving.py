"""`demo`, `serve` and `simulate`: they say where they are once they answer, and end when asked to."""

import json
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from app.commands.servers import Server, run
from app.commands.signals import ORDERS, STOPS, release_signals
from app.commands.simulated import UNDRAINED
from app.commands.sockets import listen, url_of
from app.listener.state import ListenerState
from app.simulator import DEMO_PASSWORD, DEMO_TENANT_ID, DEMO_USERNAME
from tests.commands.running import CANARY, Running, get, launched, put_away, ran, started, wait_until_ready
from tests.support.serving import NO_TLS

PROBES = 2  # calls that tell once a day which time ranges test
SERVES = "cxfacade serves"
TENANT = {"CXF_TENANT_ID": DEMO_TENANT_ID, "CXF_USERNAME": DEMO_USERNAME, "CXF_PASSWORD": DEMO_PASSWORD}
NOWHERE = "http://127.0.0.1:9"
OF_THE_USER = {
    "CXF_UPSTREAM_URL": "https://x.invalid",
    "CXF_TENANT_ID": "not a tenant",
    "CXF_USERNAME": CANARY,
    "CXF_PASSWORD": CANARY,
    "CXF_PASSWORD_FILE": "missing",
    "CXF_ALLOW_ANONYMOUS": "false",
    "CXF_CLIENT_KEYS_FILE": "missing",
    "CXF_REDIS_URL": "redis://x.invalid",
}


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Running]:
    with started(tmp_path, "simulate", "--port", "0") as program:
        yield program


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def control(simulator: str, method: str, path: str, **asked: object) -> httpx.Response:
    return httpx.request(method, f"{simulator}/__sim{path}", json=asked, trust_env=False, timeout=20, verify=NO_TLS)


def asked_in_vain(threads: ThreadPoolExecutor, facade: str, simulator: str) -> Future[httpx.Response]:
    """A request whose answer upstream holds back, once upstream has it."""
    control(simulator, "DELETE", "/journal")
    control(simulator, "POST", "/faults", kind="hold", times=None)
    asked = threads.submit(get, f"{facade}/interactions?attr=SIM-OPEN")
    assert control(simulator, "GET", "/journal", wait_for=1, timeout=15).json()["complete"]
    return asked


def listens_no_more(origin: str) -> None:
    """Wait until new connections are refused: the first signal has arrived."""
    address = httpx.URL(origin)
    while True:
        try:
            socket.create_connection((address.host, address.port or 0), 5).close()
        except OSError:
            return


def test_the_demo_answers_the_first_curl_of_the_readme_and_ends_cleanly(tmp_path: Path) -> None:
    with started(tmp_path, "demo", "--port", "0", **OF_THE_USER) as demo:
        facade = demo.url("open")
        port = facade.rpartition(":")[2]
        assert f"  open  {facade}/\n" in demo.said
        assert f"  try   curl 'localhost:{port}/interactions?attr=1234567'\n" in demo.said
        answer = get(f"{facade}/interactions?attr=1234567")
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"][0]["interaction_id"] == "c506eb9b-f523-4616-8839-fbce3fd89c17"
        assert answer.json()["meta"]["source"] == "simulator"
        assert get(f"{facade}/whoami").json()["mode"] == "demo"
        assert get(f"{demo.url('data')}/__sim/state").json()["simulator"] == "cxfacade"
        code, seconds = demo.ended(signal.SIGINT)
    assert code == 0
    assert seconds < 5
    lines = [json.loads(line) for line in demo.errors.read_text().splitlines()]
    assert {line["logger"] for line in lines} == {"cxfacade.access"}
    assert "1234567" not in demo.errors.read_text()
    assert CANARY not in demo.errors.read_text() + "".join(demo.said)


def test_the_demo_has_interactions_of_the_last_hour_whenever_it_is_looked_at(tmp_path: Path) -> None:
    with started(tmp_path, "demo", "--port", "0", "--latency", "none") as demo:
        answer = get(f"{demo.url('open')}/interactions?from=now-1h&limit=1").json()
        assert answer["meta"]["total"] > 0, "of 20 there is none by a chance of one in 10^8"


def test_what_the_listener_refuses_is_told_among_the_metrics(tmp_path: Path) -> None:
    with started(tmp_path, "demo", "--port", "0", "--latency", "none") as demo:
        address = httpx.URL(demo.url("open"))
        with socket.create_connection((address.host, address.port or 0), 20) as client:
            client.sendall(b"nonsense\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert 'cxfacade_connections_ended_total{reason="bad-request"} 1.0' in get(f"{address}/metrics").text


def test_two_demos_run_side_by_side(tmp_path: Path) -> None:
    demos = [launched(tmp_path, "demo", "--port", "0", "--latency", "none") for _ in range(2)]
    try:
        for demo in demos:
            wait_until_ready(demo, "stop")
        origins = {demo.url(label) for demo in demos for label in ("open", "data")}
        assert len(origins) == 4
        for demo in demos:
            assert get(f"{demo.url('open')}/interactions?limit=1").status_code == 200
            calls = control(demo.url("data"), "GET", "/journal").json()["calls"]
            assert 1 <= len(calls) <= 1 + PROBES
        assert [demo.ended()[0] for demo in demos] == [0, 0]
    finally:
        for demo in demos:
            put_away(demo)


def test_a_demo_ends_within_seconds_though_upstream_holds_an_answer_back(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads, started(tmp_path, "demo", "--port", "0") as demo:
        asked_in_vain(threads, demo.url("open"), demo.url("data"))
        code, seconds = demo.ended()
        assert code == 0
        assert seconds < 5
        assert "Traceback" not in demo.errors.read_text()


def test_a_demo_takes_where_to_listen_from_the_environment_unless_a_flag_says_otherwise(
    tmp_path: Path, taken: int
) -> None:
    refused = ran(tmp_path, "demo", CXF_PORT=str(taken))
    assert (refused.returncode, refused.stderr) == (
        1,
        f"cxfacade: Port {taken} is taken; choose another with --port.\n",
    )
    with started(tmp_path, "demo", "--port", "0", CXF_PORT=str(taken)) as demo:
        assert demo.url("open") != f"http://127.0.0.1:{taken}"


def test_the_demos_simulator_listens_where_it_is_told_to(tmp_path: Path, taken: int) -> None:
    refused = ran(tmp_path, "demo", "--port", "0", "--simulator-port", str(taken))
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        1,
        "",
        f"cxfacade: Port {taken} is taken; choose another with --simulator-port.\n",
    )
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    with started(tmp_path, "demo", "--port", "0", "--simulator-port", str(free)) as demo:
        assert demo.url("data") == f"http://127.0.0.1:{free}"
        assert get(f"{demo.url('open')}/interactions?attr=1234567").json()["meta"]["total"] == 1


@pytest.mark.parametrize("command", ["demo", "simulate", "serve"])
def test_a_taken_port_is_one_line_that_names_the_flag(command: str, tmp_path: Path, taken: int) -> None:
    refused = ran(tmp_path, command, "--port", str(taken), **(TENANT if command == "serve" else {}))
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        1,
        "",
        f"cxfacade: Port {taken} is taken; choose another with --port.\n",
    )


def test_serve_answers_from_the_configured_tenant(tmp_path: Path, simulator: Running) -> None:
    upstream = simulator.url("cxfacade simulate")
    with started(tmp_path, "serve", "--port", "0", "--upstream-url", upstream, last=SERVES, **TENANT) as facade:
        url = facade.url(SERVES)
        assert f"{SERVES} {url}/interactions, the explorer is {url}/ and the reference {url}/docs" in facade.said[-1]
        answer = get(f"{url}/interactions?attr=valueOne")
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"][0]["interaction_id"] == "c506eb9b-f523-4616-8839-fbce3fd89c17"
        assert "server" not in answer.headers
        assert get(f"{facade.url(SERVES)}/whoami").json()["mode"] == "live"
        code, seconds = facade.ended()
    assert code == 0
    assert seconds < 5


def test_serve_listens_though_upstream_is_down(tmp_path: Path) -> None:
    with started(tmp_path, "serve", "--port", "0", "--upstream-url", NOWHERE, last=SERVES, **TENANT) as facade:
        assert get(f"{facade.url(SERVES)}/health/live").status_code == 200
        assert get(f"{facade.url(SERVES)}/interactions").status_code == 503
        assert facade.ended()[0] == 0


def test_a_second_ctrl_c_waits_for_nobody(tmp_path: Path, simulator: Running) -> None:
    upstream = simulator.url("cxfacade simulate")
    flags = ("--port", "0", "--upstream-url", upstream, "--auth", "basic")
    with ThreadPoolExecutor() as threads, started(tmp_path, "serve", *flags, last=SERVES, **TENANT) as facade:
        asked_in_vain(threads, facade.url(SERVES), upstream)
        facade.process.send_signal(signal.SIGINT)
        listens_no_more(facade.url(SERVES))
        code, seconds = facade.ended(signal.SIGINT)
        assert code == 0
        assert seconds < 5
        assert "Traceback" not in facade.errors.read_text()


def test_serve_beyond_loopback_without_keys_is_refused_in_one_line(tmp_path: Path) -> None:
    refused = ran(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0", **TENANT)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "CXF_ALLOW_ANONYMOUS" in refused.stderr
    allowed = ("serve", "--host", "0.0.0.0", "--port", "0", "--allow-anonymous")
    with started(tmp_path, *allowed, last=SERVES, **TENANT) as facade:
        assert get(f"{facade.url(SERVES)}/health/live").status_code == 200


def test_serve_reads_a_file_in_its_folder_and_flags_win(tmp_path: Path) -> None:
    text = "".join(f"{name}={value}\n" for name, value in TENANT.items())
    (tmp_path / ".env").write_text(f"{text}CXF_PORT=70000\n")
    refused = ran(tmp_path, "serve")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "CXF_PORT (.env file)" in refused.stderr
    with started(tmp_path, "serve", "--port", "0", last=SERVES) as facade:
        assert facade.ended()[0] == 0


@pytest.fixture
def signals() -> Iterator[None]:
    """Afterwards they are taken as before."""
    before = {number: signal.getsignal(number) for number in (*STOPS, *ORDERS)}
    yield
    for number, taken in before.items():
        signal.signal(number, taken)
    release_signals()


@pytest.mark.usefixtures("signals")
def test_a_server_may_ask_those_before_it_until_it_has_ended() -> None:
    listeners, asked = [listen("127.0.0.1", 0) for _ in range(2)], list[int]()

    @asynccontextmanager
    async def asking(_app: Starlette) -> AsyncIterator[None]:
        yield
        async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
            asked.append((await client.get(url_of(listeners[0]))).status_code)

    async def ends(halt: Callable[[], None]) -> None:
        halt()

    apps = Starlette(routes=[Route("/", lambda _request: Response())]), Starlette(lifespan=asking)
    servers = [Server(*pair, ListenerState(UNDRAINED)) for pair in zip(apps, listeners, strict=True)]
    run(servers, ready=lambda: None, beside=ends)
    assert asked == [200]


def test_the_simulator_alone_says_who_may_ask_and_where_its_controls_are(simulator: Running) -> None:
    url = simulator.url("cxfacade simulate")
    assert DEMO_TENANT_ID in "".join(simulator.said)
    assert get(f"{simulator.url('controls')}/__sim/state").json()["tenant_id"] == DEMO_TENANT_ID
    answer = httpx.get(
        f"{url}/v1/tenants/{DEMO_TENANT_ID}/interactions?limit=1",
        auth=(DEMO_USERNAME, DEMO_PASSWORD),
        trust_env=False,
        timeout=20,
    )
    assert answer.json()["limit"] == 1
    code, seconds = simulator.ended()
    assert code == 0
    assert seconds < 5


def test_the_same_seed_gives_the_same_latency_and_data(tmp_path: Path) -> None:
    options = ("simulate", "--seed", "11", "--latency", "fast")
    with started(tmp_path, *options, "--port", "0") as program:
        state = get(f"{program.url('controls')}/__sim/state").json()
        assert (state["seed"], state["latency"]) == (11, "fast")
