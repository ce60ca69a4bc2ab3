"""`cxfacade check`: are the settings usable, does upstream let us in, and what is there to see."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from app import errors
from app.assembly import upstream_access
from app.commands.remedies import remedy
from app.main import SYSTEM_CLOCK, create_app
from app.observe import logs
from app.observe.metrics import Metrics
from app.observe.streams import complain, say, working
from app.settings import Settings, load
from app.upstream.client import UpstreamClient
from app.upstream.limits import Limits
from app.upstream.query import UpstreamQuery, timestamp
from app.upstream.reading import Position, Reading

SECONDS_TO_CLOSE = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What upstream showed: no personal data. `started_at` is the newest interaction's; durations are seconds."""

    tenant_id: str
    time_zone: str | None
    interactions: int
    newest_started_at: str | None
    answered_in_seconds: float
    simulated: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The settings in force, what was seen, and otherwise what is wrong: `code` is the slug of the failure.

    `warnings` tell of settings that work and should be otherwise.
    """

    settings: tuple[dict[str, str], ...] = ()
    upstream: Seen | None = None
    code: str | None = None
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> str:
        """One object on one line."""
        return json.dumps({"ok": not self.faults, **asdict(self)}) + "\n"

    def as_text(self) -> str:
        """The same for people."""
        width = 2 + max((len(row["name"]) for row in self.settings), default=0)
        lines = [f"{row['name']:<{width}}{row['value']}  ({row['source']})" for row in self.settings]
        if self.upstream:
            seen = {name.replace("_", " "): value for name, value in asdict(self.upstream).items()}
            lines += ["", *(f"{name:<{width}}{_words(value)}" for name, value in seen.items())]
        return "".join(f"{line}\n" for line in lines)


def check(overrides: Mapping[str, object], *, as_json: bool) -> bool:
    """Whether `serve` would work with these settings; says on stdout what was seen, on stderr what is wrong."""
    logs.silence()
    verdict = examine(overrides)
    say(verdict.as_json() if as_json else verdict.as_text())
    complain([*verdict.warnings, *verdict.faults])
    return not verdict.faults


def examine(overrides: Mapping[str, object]) -> Verdict:
    """Settings first, as `serve` reads them; then one call, or a login and one call. Raises nothing of ours."""
    explained: tuple[dict[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    try:
        settings = load(overrides)
        warnings = settings.warnings
        explained = tuple(row._asdict() for row in settings.explain())
        create_app(settings)
        with working("asking the upstream …"):
            seen = asyncio.run(_look(settings))
    except errors.SettingsError as error:
        return Verdict(explained, code="bad-settings", faults=error.faults, warnings=warnings)
    except errors.CxfacadeError as error:
        return Verdict(explained, code=error.code, faults=(remedy(error),), warnings=warnings)
    return Verdict(explained, seen, warnings=warnings)


async def _look(settings: Settings) -> Seen:
    access = replace(upstream_access(settings), limits=Limits(foreground_attempts=1))  # a check covers nothing up
    client = UpstreamClient(access, clock=SYSTEM_CLOCK, metrics=Metrics())
    try:
        reading = await client.interactions(UpstreamQuery(), Position(), rows=1, most=1)
    finally:
        with contextlib.suppress(TimeoutError):  # after Ctrl-C, nobody waits for the call's end
            async with asyncio.timeout(SECONDS_TO_CLOSE):
                await client.aclose()
    return _seen(access.tenant_id, reading)


def _seen(tenant_id: str, reading: Reading) -> Seen:
    started = reading.records[0].interaction.start_timestamp if reading.records else None
    return Seen(
        tenant_id=tenant_id,
        time_zone=reading.time_zone,
        interactions=reading.total,
        newest_started_at=timestamp(started) if started else None,
        answered_in_seconds=round(reading.upstream_seconds, 3),
        simulated=reading.simulated,
    )


def _words(value: object) -> str:
    return {"None": "unknown", "True": "yes", "False": "no"}.get(str(value), str(value))
