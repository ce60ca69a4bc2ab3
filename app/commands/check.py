"""`cxfacade check`: read the settings, log in upstream, fetch one row, and say what to do about each failure.

With a probe it goes on to ask upstream the open questions of UPSTREAM §12.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from app import errors
from app.clock import SYSTEM_CLOCK
from app.holdings.probe import QUESTIONS, Finding, findings
from app.main import create_app, upstream_access
from app.observe import logs
from app.observe.metrics import Metrics
from app.observe.streams import complain, say, working
from app.remedies import remedy
from app.settings import Settings, load
from app.sharing import SIGNED_ELSEWHERE, try_tier
from app.tier.circuits import ServerError
from app.upstream.access import Limits
from app.upstream.client import UpstreamClient
from app.upstream.query import UpstreamQuery, timestamp
from app.upstream.walk import Position

SECONDS_TO_CLOSE = 1.0
MADE_FOR = "Redis 8.6.3 or later, or Valkey 9"
LEAST_VERSIONS = {"redis": (8, 6, 3), "valkey": (9, 0, 0)}

TIER_REMEDIES = {
    "the credentials are refused": "set user and password in CXF_REDIS_URL.",
    "the user may not do this": "give it the commands and keys of docs/operating/valkey.acl.",
    "the server is read-only": "name the primary in CXF_REDIS_URL, not a replica.",
    "the server is full": "raise its maxmemory, and let it evict: maxmemory-policy allkeys-lru.",
    "the server is loading": "try again in a minute; it needs no persistence.",
    "the server is part of a cluster": "name a server in CXF_REDIS_URL that stands alone.",
    "the server refuses the command": f"it must be {MADE_FOR}.",
    "the server does not answer in time": "look at its load, and at the network.",
    "the server cannot be reached": "check host, port or socket in CXF_REDIS_URL, and its certificate.",
    SIGNED_ELSEWHERE: "CXF_TIER_SECRET must be the same in all processes.",
}
"""What to do about each fault of the shared tier."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The facts that upstream showed, none of them personal; durations are in seconds."""

    tenant_id: str
    time_zone: str | None
    interactions: int
    newest_started_at: str | None
    answered_in_seconds: float
    simulated: bool


@dataclass(slots=True)
class Verdict:
    """The result of a check: the settings in force, the facts seen, and the faults with the failure's slug.

    `probe` holds the findings so far, None where none were wanted.
    """

    settings: tuple[dict[str, str], ...] = ()
    upstream: Seen | None = None
    probe: list[Finding] | None = None
    code: str | None = None
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()  # of settings that work but should be changed
    questions: tuple[str, ...] = ()  # names of the pinned ones
    tier: str | None = None  # how the shared tier was found, where there is one

    def stopped(self) -> str:
        """How far a fault let the probe come, where it had begun."""
        if self.probe is None or self.upstream is None:
            return ""
        return f"The probe stopped after {len(self.probe)} of {len(QUESTIONS)} questions. "

    def as_text(self) -> str:
        """The verdict for people."""
        width = 2 + max((len(row["name"]) for row in self.settings), default=0)
        lines = [f"{row['name']:<{width}}{row['value']}  ({row['source']})" for row in self.settings]
        if self.questions:
            lines += ["", f"{'pinned questions':<{width}}{', '.join(self.questions)}"]
        if self.tier:
            lines += ["", f"{'shared tier':<{width}}{self.tier}"]
        if self.upstream:
            seen = {name.replace("_", " "): value for name, value in asdict(self.upstream).items()}
            words = {"None": "unknown", "True": "yes", "False": "no"}
            lines += ["", *(f"{name:<{width}}{words.get(str(value), value)}" for name, value in seen.items())]
        for row in self.probe or ():
            answer = f"{row.finding}: {row.seen}" if row.seen else row.finding
            lines += ["", f"{row.name:<{width}}{row.question}", f"{'':<{width}}{answer}", f"{'':<{width}}{row.service}"]
        return "".join(f"{line}\n" for line in lines)


def check(overrides: Mapping[str, object], *, probe: bool, as_json: bool) -> bool:
    """Whether `serve` would work with these settings; writes the facts to stdout and the faults to stderr."""
    logs.silence()
    verdict = examine(overrides, probe=probe)
    say(json.dumps({"ok": not verdict.faults, **asdict(verdict)}) + "\n" if as_json else verdict.as_text())
    complain([*verdict.warnings, *verdict.faults])
    return not verdict.faults


def examine(overrides: Mapping[str, object], *, probe: bool) -> Verdict:
    """Read the settings as `serve` does, log in and fetch one row, then ask the probe's. Raises nothing of ours."""
    verdict = Verdict(probe=[] if probe else None)
    try:
        settings = load(overrides)
        verdict.warnings = settings.warnings
        verdict.settings = tuple(row._asdict() for row in settings.explain())
        verdict.questions = tuple(create_app(settings).questions.in_force)
        with working("asking the upstream …"):
            asyncio.run(_look(settings, verdict))
    except errors.SettingsError as error:
        verdict.code, verdict.faults = "bad-settings", error.faults
    except errors.CxfacadeError as error:
        verdict.code, verdict.faults = error.code, (f"{verdict.stopped()}{remedy(error)}",)
    return verdict


async def _look(settings: Settings, verdict: Verdict) -> None:
    access = replace(upstream_access(settings), limits=Limits(foreground_attempts=1))  # a check covers nothing up
    client = UpstreamClient(access, clock=SYSTEM_CLOCK, metrics=Metrics())
    try:
        verdict.upstream = await _seen(client, access.tenant_id)
        if verdict.probe is not None:
            async for finding in findings(client):
                verdict.probe.append(finding)
    finally:
        with contextlib.suppress(TimeoutError):  # after Ctrl-C, nobody waits for the call's end
            async with asyncio.timeout(SECONDS_TO_CLOSE):
                await client.aclose()
    await _try_tier(settings, verdict)


async def _try_tier(settings: Settings, verdict: Verdict) -> None:
    try:
        version = await try_tier(settings, SYSTEM_CLOCK.wall)
    except ServerError as error:
        verdict.tier, verdict.code = str(error), "shared-tier"
        verdict.faults = (f"The shared tier is of no use: {error}; {TIER_REMEDIES[str(error)]}",)
        return
    if version:
        verdict.tier = "works"
        if not is_made_for(version):
            words = f"The shared tier works, but its server is {version}; have CXF_REDIS_URL name {MADE_FOR}."
            verdict.warnings = (*verdict.warnings, words)


def is_made_for(version: str) -> bool:
    """Whether the tier's server is one of those that MADE_FOR names, by its kind and version, as in `valkey 9.1.2`."""
    kind, _, number = version.partition(" ")
    parts = tuple(map(int, re.findall(r"\d+", number)[:3]))
    return kind in LEAST_VERSIONS and parts >= LEAST_VERSIONS[kind]


async def _seen(client: UpstreamClient, tenant_id: str) -> Seen:
    reading = await client.interactions(UpstreamQuery(), Position(), rows=1, most=1)
    started = reading.records[0].interaction.start_timestamp if reading.records else None
    return Seen(
        tenant_id=tenant_id,
        time_zone=reading.time_zone,
        interactions=reading.total,
        newest_started_at=timestamp(started) if started else None,
        answered_in_seconds=round(reading.upstream_seconds, 3),
        simulated=reading.simulated,
    )
