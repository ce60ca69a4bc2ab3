"""The way out: a prepared answer, handed on in slices, so that a slow reader holds little memory (FAULTS T41)."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.edge.conditional import Prepared


class PreparedResponse(Response):
    """What preconditions and ranges have made of an answer, as the framework's response."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__(status_code=prepared.status)
        self.prepared = prepared

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send_prepared(self.prepared, send)


async def send_prepared(prepared: Prepared, send: Send) -> None:
    """Send status, headers and body as ASGI messages."""
    await send({"type": "http.response.start", "status": prepared.status, "headers": prepared.headers})
    parts = list(prepared.parts())
    for part in parts[:-1]:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": parts[-1]})
