"""How credentials come to be: one user's, as configured, and the proof that upstream knows them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from app.clock import Clock
from app.upstream.access import UpstreamAccess
from app.upstream.attempts import Attempts
from app.upstream.auth import TokenLogin, read_token
from app.upstream.call import Call, ReadContext
from app.upstream.credentials import Basic, Credentials
from app.upstream.faults import login_fault
from app.upstream.pages import Page
from app.upstream.query import EVERYTHING, UpstreamQuery, parameters
from app.upstream.restraint import Restraint
from app.upstream.retries import FOREGROUND
from app.upstream.session import UpstreamSession
from app.upstream.transport import READ_STATUSES, Transport
from app.upstream.urls import INTERACTIONS, TOKENS


def new_credentials(
    access: UpstreamAccess, transport: Transport, restraint: Restraint, clock: Clock, random: Callable[[], float]
) -> Credentials:
    """Those of `access`, untried."""
    if access.auth == "basic":
        return Basic(access, clock.monotonic)
    return TokenLogin(partial(_log_in, access, transport, restraint, clock), clock, access.limits, random)


async def _log_in(access: UpstreamAccess, transport: Transport, restraint: Restraint, clock: Clock) -> bytes:
    """The answer to one login. Raises UpstreamError where it is refused, or holds no token."""
    with restraint.admit(TOKENS.endpoint):
        answer = await transport.login(access.username, access.password)
        if answer.status not in READ_STATUSES:
            raise login_fault(answer.status, answer.headers, clock.wall())
        read_token(answer.body, clock.monotonic())
        return answer.body


async def prove(line: UpstreamSession, credentials: Credentials) -> None:
    """Raises UpstreamError where upstream does not take these credentials: by a login, else by the cheapest call."""
    if credentials.mode == "token":
        await credentials.prepared()
    else:
        trying = replace(line, credentials=credentials)
        await ReadContext(trying, Attempts(trying, FOREGROUND)).page(envelope_alone())


def envelope_alone(query: UpstreamQuery = EVERYTHING) -> Call[Page]:
    """The cheapest call there is: no rows."""

    async def take(page: Page) -> Page:
        return page

    return Call(INTERACTIONS, {}, parameters(query, 0, 0), take)
