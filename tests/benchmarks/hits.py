"""What a hit costs, against those who do nothing but send."""

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.benchmarks.client import fetched
from tests.benchmarks.load import Compared, Question, compared
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import HIT, Scene

CSV = HIT.replace("?", ".csv?")
QUOTA = 1_000_000  # a minute: each request counts, and none is over


def against_bare(scene: Scene) -> Measured:
    """The façade's own bytes from a bare ASGI application."""
    hit = scene.hit()
    with scene.peer("bare", hit) as peer:
        return _measured(scene, hit, peer)


def against_route(scene: Scene) -> Measured:
    """The same bytes from a FastAPI route."""
    hit = scene.hit()
    with scene.peer("route", hit) as peer:
        return _measured(scene, hit, peer)


def against_nginx(scene: Scene) -> Measured:
    """The same bytes from nginx's cache; who asks is checked by the façade alone."""
    hit = scene.hit()
    with scene.nginx(hit) as peer:
        return _measured(scene, hit, peer)


def not_modified(scene: Scene) -> Measured:
    """A 304 against a bare application that sends the same 304."""
    etag = dict(asyncio.run(fetched(scene.facade.url, HIT)).headers)["etag"]
    return with_headers(scene, **{"If-None-Match": etag})


def of_another_origin(scene: Scene) -> Measured:
    """A browser's request from another page."""
    return with_headers(scene, Origin="https://dashboard.example")


def with_max_age(scene: Scene) -> Measured:
    """A directive, which no replay may answer."""
    return with_headers(scene, **{"Cache-Control": "max-age=86000"})


def any_not_modified(scene: Scene) -> Measured:
    """A 304 for a client that has some version."""
    return with_headers(scene, **{"If-None-Match": "*"})


def as_csv(scene: Scene) -> Measured:
    """CSV of the snapshot that is stored for the other rows."""
    return with_headers(scene, CSV)


def with_headers(scene: Scene, target: str = HIT, **headers: str) -> Measured:
    """A hit that is asked for with these headers, against a bare application that sends the same bytes."""
    hit = scene.hit(target, **headers)
    with scene.peer("bare", hit) as peer:
        return _measured(scene, hit, peer)


def with_quota(scene: Scene) -> Measured:
    """A client whose key has a quota, against a bare application that counts nothing."""
    key = "cxf_bench_" + 40 * "0"
    listed = {"label": "bench", "sha256": sha256(key.encode()).hexdigest(), "scopes": ["read"], "quota": QUOTA}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "keys.json"
        path.write_text(json.dumps({"keys": [listed]}))
        with scene.another_facade(client_keys_file=path) as facade:
            hit = Question(facade, HIT, {"X-API-Key": key})
            asyncio.run(fetched(hit.url, HIT, hit.headers))
            with scene.peer("bare", hit) as peer:
                return _measured(scene, hit, peer)


def _measured(scene: Scene, hit: Question, peer: Question) -> Measured:
    both = compared(hit, peer, scene.budget.seconds, scene.budget.rounds)
    return Measured(both.ratio, in_words(both))


def in_words(both: Compared) -> str:
    """The medians, and the ratio by the clock beside that of the work."""
    work = " against ".join(f"{median(one.a_cpu_second for one in rounds):,.0f}" for rounds in both)
    clock = " against ".join(f"{median(one.a_second for one in rounds):,.0f}" for rounds in both)
    return f"{work} requests per CPU second; by the clock {both.ratio_by_the_clock:.2f}, {clock} a second"
