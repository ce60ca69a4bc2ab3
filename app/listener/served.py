"""What the guarded protocols take for granted of uvicorn 0.54's two: the attributes and methods they have in common."""

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

if TYPE_CHECKING:

    class Served(asyncio.Protocol):
        """For the type checker alone: at run time the parser's own class comes next in line."""

        transport: asyncio.Transport
        flow: FlowControl
        loop: asyncio.AbstractEventLoop
        server_state: ServerState
        client: tuple[str, int] | None
        cycle: Any
        tasks: Any
        timeout_keep_alive_task: asyncio.TimerHandle | None

        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None: ...
        def connection_made(self, transport: asyncio.Transport) -> None: ...  # type: ignore[override] # as uvicorn
        def on_response_complete(self) -> None: ...
        def timeout_keep_alive_handler(self) -> None: ...
        def shutdown(self) -> None: ...

else:
    Served = asyncio.Protocol
