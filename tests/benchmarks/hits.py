"""What a hit costs, against those who do nothing but send."""

import asyncio
from collections.abc import Sequence
from statistics import median

from tests.benchmarks.client import fetched
from tests.benchmarks.figures import ratio
from tests.benchmarks.load import Question, compared
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import HIT, Scene

CLIENT_KEY: dict[str, str] = {}  # headers of a client with a key; this version knows anonymous clients only


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
    hit = scene.hit(**CLIENT_KEY)
    with scene.nginx(hit) as peer:
        return _measured(scene, hit, peer)


def not_modified(scene: Scene) -> Measured:
    """A 304 against a bare application that sends the same 304."""
    etag = dict(asyncio.run(fetched(scene.facade.url, HIT)).headers)["etag"]
    hit = scene.hit(**{"If-None-Match": etag})
    with scene.peer("bare", hit) as peer:
        return _measured(scene, hit, peer)


def _measured(scene: Scene, hit: Question, peer: Question) -> Measured:
    ours, theirs = compared(hit, peer, scene.budget.seconds, scene.budget.rounds)
    return Measured(ratio(ours, theirs), rates(ours, theirs))


def rates(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Both medians, in words."""
    return f"{median(ours):,.0f} against {median(theirs):,.0f} requests/s"
