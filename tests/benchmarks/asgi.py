"""The least an ASGI application has to say."""

from starlette.types import Receive, Send


async def lifespan(receive: Receive, send: Send) -> None:
    """Nothing to open, nothing to close."""
    for word in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{word}.complete"})


async def send_body(send: Send, body: bytes) -> None:
    """A JSON answer."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
