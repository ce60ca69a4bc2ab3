"""The façade for more clients of one address than the listener allows: here all load comes from one."""

from app.commands.servers import Server, return_large_blocks, run
from app.commands.sockets import listen, url_of
from app.listener.limits import ListenerLimits
from app.listener.state import ListenerState
from app.main import create_app
from app.observe import logs

WIDE = ListenerLimits(connections_per_peer=1_000)

if __name__ == "__main__":
    logs.configure("text", "warning")
    return_large_blocks()
    app = create_app()
    server = Server(app, listen("127.0.0.1", 0), ListenerState(WIDE, replays=app.replays))
    run([server], ready=lambda: print(url_of(server.listener), flush=True))
