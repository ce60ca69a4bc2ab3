"""The simulator put together: upstream's API under ``/v1/``, its controls under ``/__sim/``, every answer marked."""

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from app.simulator.api import UpstreamApi
from app.simulator.control import routes
from app.simulator.options import SimulatorOptions
from app.simulator.state import SimulatorState
from app.simulator.wire import remember_connection

MARK = (b"x-simulated", b"cxfacade")


class _Marked(Starlette):
    """Puts the mark on every answer, its own 500 included, so that demo data is never taken for real (S21)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        remember_connection(scope, send)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), MARK]
            await send(message)

        await super().__call__(scope, receive, marked)


def create_simulator(options: SimulatorOptions | None = None) -> Starlette:
    """A simulated CxEngage as an ASGI application; its ``state.simulator`` is the SimulatorState behind it."""
    state = SimulatorState(options or SimulatorOptions())
    app = _Marked(routes=[Mount("/v1", app=UpstreamApi(state)), Mount("/__sim", routes=routes(state))])
    app.router.redirect_slashes = False
    app.state.simulator = state
    return app
