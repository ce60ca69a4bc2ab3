"""The simulator's own controls under ``/__sim/``: state, clock, faults, rows, tokens and the journal."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.simulator.clock import parse_time
from app.simulator.faults import FAULTS
from app.simulator.kinds import KINDS
from app.simulator.query import parse, select
from app.simulator.state import SimulatorState
from app.simulator.world import MAGIC

Asked = dict[str, Any]
_MOST_INSERTED = 10_000


async def show_state(state: SimulatorState, _: Asked) -> Any:
    """Seed, tenant, clock and number of rows, armed faults, and the magic values and kinds there are."""
    return {
        "simulator": "cxfacade",
        "seed": state.options.seed,
        "tenant_id": state.options.tenant_id,
        "latency": state.options.latency,
        "clock": await show_clock(state, {}),
        "interactions": len(state.world.rows(state.now())),
        "violations": state.journal.violations,
        "armed": [asdict(armed) for armed in state.faults.armed],
        "magic": {value: magic.words for value, magic in MAGIC.items()},
        "kinds": {name: kind.words for name, kind in KINDS.items()},
    }


async def reset(state: SimulatorState, _: Asked) -> Any:
    """Back to the start."""
    state.reset()
    return await show_clock(state, {})


async def show_clock(state: SimulatorState, _: Asked) -> Any:
    """Simulated time, and whether it is frozen."""
    return {"now": state.now_text(), "frozen": state.clock.frozen}


async def turn_clock(state: SimulatorState, asked: Asked) -> Any:
    """``set`` to a time, ``advance`` by seconds, ``freeze`` or let run: any of them together, in this order."""
    if "set" in asked:
        state.clock.set(parse_time(asked["set"]))
    state.clock.advance(float(asked.get("advance", 0)))
    if "freeze" in asked:
        state.clock.freeze(bool(asked["freeze"]))
    return await show_clock(state, {})


async def show_faults(state: SimulatorState, _: Asked) -> Any:
    """The faults there are and those armed."""
    known = {
        name: {"words": fault.words, "stage": fault.stage, "parameters": dict(fault.defaults)}
        for name, fault in FAULTS.items()
    }
    return {"armed": [asdict(armed) for armed in state.faults.armed], "known": known}


async def arm_fault(state: SimulatorState, asked: Asked) -> Any:
    """Arm a ``kind`` of fault: ``times`` (null: endless), ``match`` (``endpoint``, ``attribute_value``), parameters."""
    asked = {"kind": "", **asked}
    return asdict(state.faults.arm(**asked.pop("match", {}), **asked))


async def clear_faults(state: SimulatorState, _: Asked) -> Any:
    """Disarm everything, and let held answers go."""
    state.faults.clear()
    return {"armed": []}


async def release(state: SimulatorState, _: Asked) -> Any:
    """Let every held answer go."""
    state.faults.release()
    return {"released": True}


async def insert(state: SimulatorState, asked: Asked) -> Any:
    """Put in ``n`` interactions of a ``kind`` that start now or at ``start``, with attribute ``name`` = ``value``."""
    start = parse_time(asked["start"]) if "start" in asked else state.now()
    attributes = [(asked.get("name", "inserted"), asked["value"])] if "value" in asked else []
    count = min(int(asked.get("n", 1)), _MOST_INSERTED)
    return {"ids": state.world.insert(count, start, attributes, asked.get("kind", "voice-answered"))}


async def remove(state: SimulatorState, asked: Asked) -> Any:
    """Take out ``ids``, or the newest ``n`` rows, of those with attribute ``value`` if given."""
    ids = asked.get("ids")
    if ids is None:
        query = parse([("attribute-value", asked.get("value", ""))])
        rows = select(state.world.rows(state.now(), query.values("attribute-value")), query, state.now_text())
        ids = [row.id for row in rows[: int(asked.get("n", 1))]]
    state.world.remove(ids)
    return {"ids": ids}


async def expire_tokens(state: SimulatorState, asked: Asked) -> Any:
    """Expire every token; with ``password``, rotate the password too."""
    state.credentials.password = asked.get("password", state.credentials.password)
    return {"expired": state.credentials.expire()}


async def show_journal(state: SimulatorState, asked: Asked) -> Any:
    """The calls so far; with ``wait_for=N`` after N have arrived, or after ``timeout`` seconds (default 5)."""
    wanted = int(asked.get("wait_for", 0))
    complete = await state.journal.wait_for(wanted, float(asked.get("timeout", 5)))
    return {"complete": complete, **state.journal.shown()}


async def clear_journal(state: SimulatorState, _: Asked) -> Any:
    """Forget the calls and violations so far."""
    state.journal.clear()
    return state.journal.shown()


CONTROLS = (
    ("GET", "/state", show_state),
    ("POST", "/reset", reset),
    ("GET", "/clock", show_clock),
    ("POST", "/clock", turn_clock),
    ("GET", "/faults", show_faults),
    ("POST", "/faults", arm_fault),
    ("DELETE", "/faults", clear_faults),
    ("POST", "/faults/release", release),
    ("POST", "/insert", insert),
    ("POST", "/remove", remove),
    ("POST", "/expire-tokens", expire_tokens),
    ("GET", "/journal", show_journal),
    ("DELETE", "/journal", clear_journal),
)


def routes(state: SimulatorState) -> list[Route]:
    """A route for each control; a request that makes no sense is 400 with the reason."""
    return [Route(path, _endpoint(state, control), methods=[method]) for method, path, control in CONTROLS]


def _endpoint(
    state: SimulatorState, control: Callable[[SimulatorState, Asked], Awaitable[Any]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            asked = {**request.query_params, **json.loads(await request.body() or b"{}")}
            return JSONResponse(await control(state, asked))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return JSONResponse({"error": str(error) or type(error).__name__}, status_code=400)

    return endpoint
