"""What a hit costs, against those who do nothing but send."""

import asyncio
from statistics import median

from tests.benchmarks.client import fetched
from tests.benchmarks.load import Compared, Question, compared
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
    both = compared(hit, peer, scene.budget.seconds, scene.budget.rounds)
    return Measured(both.ratio, in_words(both))


def in_words(both: Compared) -> str:
    """The medians, and the ratio by the clock beside that of the work."""
    work = " against ".join(f"{median(one.a_cpu_second for one in rounds):,.0f}" for rounds in both)
    clock = " against ".join(f"{median(one.a_second for one in rounds):,.0f}" for rounds in both)
    return f"{work} requests per CPU second; by the clock {both.ratio_by_the_clock:.2f}, {clock} a second"
