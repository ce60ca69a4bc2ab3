"""The shape of the house: who may import whom, and which module is the only home of a library, a clock or a secret."""

import ast
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

GROUND = {"errors", "settings", "clock", "observe", "owners", "cooperative", "workers"}
BELOW_HTTP = GROUND | {
    "clients",
    "interactions",
    "summaries",
    "upstream",
    "cache",
    "queries",
    "holdings",
    "formats",
    "explorer",
    "tier",
}

# What each part of the app may import of the app. Itself is always allowed; a part without a row is a fault.
LAYERS: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": {"cli", "commands"},
    "cli": BELOW_HTTP | {"main", "http", "simulator", "commands"},
    "commands": BELOW_HTTP | {"main", "http", "simulator", "listener", "sharing", "reloading", "remedies"},
    "main": BELOW_HTTP | {"__init__", "listener", "http", "simulator", "sharing", "reloading"},
    "reloading": GROUND | {"upstream", "remedies"},
    "sharing": GROUND | {"holdings", "tier"},
    "listener": {"http", "cache", "observe", "owners"},
    "http": BELOW_HTTP,
    "queries": GROUND | {"interactions", "summaries", "upstream", "cache", "holdings", "slots"},
    "holdings": GROUND | {"interactions", "upstream", "cache", "tier"},
    "formats": {"errors", "interactions"},
    "upstream": GROUND | {"interactions", "slots"},
    "cache": {"errors", "clock", "observe", "owners"},
    "tier": {"clock", "cache"},
    "clients": GROUND,
    "interactions": GROUND,
    "summaries": {"interactions", "cooperative", "errors"},
    "observe": set(),
    "settings": {"errors"},
    "errors": set(),
    "remedies": {"errors"},
    "clock": set(),
    "owners": set(),
    "slots": {"errors", "owners"},
    "cooperative": set(),
    "workers": set(),
    "explorer": set(),
    "simulator": {"settings"},
}

# What is imported, reached through an import, or built in → the modules that are its homes. None: never.
HOMES: dict[str, set[str]] = {
    "fastapi": {"app.http", "app.main", "app.simulator"},
    "starlette": {"app.http", "app.main", "app.simulator"},
    "httpx": {"app.upstream.transport", "app.upstream.connections"},
    "httpcore": {"app.upstream.connections"},
    "cachetools": {"app.cache"},
    "msgspec": {
        "app.interactions",
        "app.formats",
        "app.upstream",
        "app.summaries.tally",
        "app.holdings.shared",
        "app.queries.cursor",
        "app.queries.explain",
        "app.queries.explain_held",
        "app.queries.hints",
        "app.queries.change_token",
        "app.http",
        "app.simulator",
    },
    "prometheus_client": {"app.observe.metrics"},
    "opentelemetry": {"app.observe.tracing"},
    "app.observe.metrics": {
        "app.observe",
        "app.http",
        "app.upstream",
        "app.main",
        "app.sharing",
        "app.commands.check",
    },
    "app.observe.logs.configure": {"app.commands"},
    "app.observe.logs.silence": {"app.commands"},
    "app.observe.streams": {"app.observe", "app.cli", "app.commands"},
    "dotenv": {"app.settings"},
    "pydantic_settings": set(),
    "redis": {"app.tier.client"},
    "typer": {"app.cli"},
    "uvicorn": {"app.commands.servers", "app.listener"},
    "h11": set(),
    "httptools": {"app.listener"},
    "os.environ": {"app.settings"},
    "os.environb": {"app.settings"},
    "os.getenv": {"app.settings"},
    "time": {"app.clock", "app.simulator", "app.listener.replay", "app.cooperative"},
    "app.clock.SYSTEM_CLOCK": {"app.main", "app.commands"},
    "datetime.datetime.now": {"app.clock", "app.simulator"},
    "datetime.datetime.utcnow": {"app.simulator"},
    "datetime.datetime.today": {"app.simulator"},
    "datetime.date.today": {"app.simulator"},
    "builtins.__import__": set(),
    "builtins.eval": set(),
    "builtins.exec": set(),
    "diskcache": set(),
    "importlib.import_module": set(),
    "marshal": set(),
    "multipart": set(),
    "pickle": set(),
    "python_multipart": set(),
    "shelve": set(),
    "ssl.CERT_NONE": set(),
}


def violations(root: Path) -> list[str]:
    """Every breach of the tables in the `app` under `root`, as `file:line: what`."""
    return [
        f"{path.relative_to(root)}:{line}: {what}"
        for path in sorted((root / "app").rglob("*.py"))
        for line, what in sorted(set(_breaches(_module(path, root), ast.parse(path.read_text(encoding="utf-8")))))
    ]


def _module(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _breaches(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    part = module.split(".")[1]
    if part not in LAYERS:
        yield 1, f"app.{part} has no row in LAYERS"
        return
    for line, name in _uses(module, tree):
        target = name.split(".")[1] if name.startswith("app.") else part
        if target in LAYERS and target not in LAYERS[part] | {part}:
            yield line, f"app.{part} may not import app.{target}"
        for thing in accumulate(name.split("."), "{}.{}".format):
            if thing in HOMES and not any(_within(module, home) for home in HOMES[thing]):
                yield line, f"{module} is no home of {thing}"
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if any(word.arg == "verify" and ast.unparse(word.value) == "False" for word in call.keywords):
            yield call.lineno, "verify=False"


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def _uses(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name imported, reached through an import or built in, in full: `os.environ` also where `os` is `o`."""
    known: dict[str, str] = {}
    for line, name, bound, meaning in _imports(module, tree):
        known[bound] = meaning
        yield line, name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, _, rest = _dotted(node).partition(".")
            if first in known:
                yield node.lineno, f"{known[first]}.{rest}"
        elif isinstance(node, ast.Name):
            yield node.lineno, known.get(node.id, f"builtins.{node.id}")


def _imports(module: str, tree: ast.Module) -> Iterator[tuple[int, str, str, str]]:
    """Line, name in full, the local name it binds, and what that local name stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                top = name.name.partition(".")[0]
                yield node.lineno, name.name, name.asname or top, name.name if name.asname else top
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            source = ".".join([*package, *([node.module] if node.module else [])])
            for name in node.names:
                full = f"{source}.{name.name}"
                yield node.lineno, full, name.asname or name.name, full


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_the_house_stands_as_designed() -> None:
    assert violations(PROJECT) == []


PLANTED = [
    ("app/cache/store.py", "from app.upstream.client import Client", "app.cache may not import app.upstream"),
    ("app/cache/store.py", "from app.observe import metrics", "app.cache.store is no home of app.observe.metrics"),
    ("app/cache/store.py", "import app\nprint(app.settings.Settings)", "app.cache may not import app.settings"),
    ("app/queries/service.py", "from app.http.responses import Answer", "app.queries may not import app.http"),
    ("app/queries/service.py", "from ..http import answers", "app.queries may not import app.http"),
    ("app/queries/service.py", "from app.formats import FORMATS", "app.queries may not import app.formats"),
    ("app/formats/csv.py", "from app.queries.query import Page", "app.formats may not import app.queries"),
    ("app/summaries/atoms.py", "from app.queries.query import Search", "app.summaries may not import app.queries"),
    ("app/holdings/probe.py", "from app.queries.query import Page", "app.holdings may not import app.queries"),
    ("app/holdings/probe.py", "from app.http.problems import PROBLEMS", "app.holdings may not import app.http"),
    ("app/upstream/client.py", "import app.holdings.probe", "app.upstream may not import app.holdings"),
    ("app/upstream/client.py", "import app.cache.store", "app.upstream may not import app.cache"),
    ("app/errors.py", "from app.settings import Settings", "app.errors may not import app.settings"),
    ("app/simulator/data.py", "from app.interactions.records import Record", "may not import app.interactions"),
    ("app/main.py", "def f():\n    from app.cli import main", "app.main may not import app.cli"),
    ("app/http/routes.py", "from app.simulator.server import create", "app.http may not import app.simulator"),
    ("app/misc.py", "", "app.misc has no row in LAYERS"),
    ("app/queries/service.py", "from starlette.responses import Response", "no home of starlette"),
    ("app/http/routes.py", "import httpx", "no home of httpx"),
    ("app/upstream/client.py", "from httpcore import ConnectError", "no home of httpcore"),
    ("app/http/hotpath.py", "from cachetools import LRUCache", "no home of cachetools"),
    ("app/queries/service.py", "import msgspec", "no home of msgspec"),
    ("app/http/metrics.py", "import prometheus_client as p", "no home of prometheus_client"),
    ("app/main.py", "import uvicorn", "no home of uvicorn"),
    ("app/main.py", "import typer", "no home of typer"),
    ("app/http/auth.py", "import os as o\nkey = o.environ['KEY']", "no home of os.environ"),
    ("app/http/auth.py", "from os import getenv", "no home of os.getenv"),
    ("app/cache/reuse.py", "from time import monotonic", "no home of time"),
    ("app/cache/reuse.py", "from app.clock import SYSTEM_CLOCK", "no home of app.clock.SYSTEM_CLOCK"),
    ("app/queries/rules.py", "from datetime import UTC, datetime\nt = datetime.now(UTC)", "datetime.datetime.now"),
    ("app/queries/rules.py", "import datetime as dt\nt = dt.date.today()", "datetime.date.today"),
    ("app/cache/store.py", "import pickle", "no home of pickle"),
    ("app/http/parse.py", "x = eval('1')", "no home of builtins.eval"),
    ("app/http/parse.py", "from multipart import parse", "no home of multipart"),
    ("app/upstream/transport.py", "import httpx\nc = httpx.AsyncClient(verify=False)", "verify=False"),
]


@pytest.mark.parametrize(("path", "source", "breach"), PLANTED)
def test_a_planted_breach_is_found(path: str, source: str, breach: str, tmp_path: Path) -> None:
    _plant(tmp_path, path, source)
    found = violations(tmp_path)
    assert found, "nothing was found"
    assert all(breach in line for line in found), found


WELCOME = [
    ("app/__init__.py", "__version__ = '1'"),
    ("app/__main__.py", "from app.cli import main"),
    ("app/cli.py", "import typer\nfrom app import __version__\nfrom app.commands.check import check"),
    ("app/commands/servers.py", "import uvicorn\nfrom app.observe import logs\nfrom app.main import create_app"),
    ("app/clock.py", "import time\nt = time.time()"),
    ("app/main.py", "from app.simulator.server import create\nfrom app.http import routes"),
    ("app/http/routes.py", "from fastapi import Request\nfrom app.queries.service import Service\nimport msgspec"),
    ("app/http/negotiation.py", "from datetime import time\ndef f(time, self): return self.time.now(time)"),
    ("app/queries/cursor.py", "import msgspec\nfrom app.cache.store import Store\nfrom app.upstream import client"),
    ("app/upstream/connections.py", "import httpcore\nimport httpx\nc = httpx.AsyncClient(verify=True)"),
    ("app/simulator/server.py", "from starlette.responses import Response\nfrom app.settings import Settings"),
    ("app/settings.py", "import os\nhome = os.environ.get('HOME')\nfrom app.errors import SettingsError"),
]


@pytest.mark.parametrize(("path", "source"), WELCOME)
def test_what_the_design_allows_is_no_breach(path: str, source: str, tmp_path: Path) -> None:
    _plant(tmp_path, path, source)
    assert violations(tmp_path) == []


def _plant(root: Path, path: str, source: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text(source, encoding="utf-8")
