"""The owners of shared work: the client who started it, and the clients who have joined it since."""

from collections.abc import Callable

MOST = 100  # a crowd that joins one fetch needs no more of them: one with a free turn is enough


class Owners:
    """The owners of one fetch, which may become more while it waits for its turn; without any it is in the background.

    An owner is the name of a client key, or the address of a client without one.
    """

    def __init__(self, *names: str) -> None:
        self.names = dict.fromkeys(names)  # in the order in which they came: the first one started it
        self._watchers: list[Callable[[], None]] = []

    @property
    def first(self) -> str | None:
        """The owner who started it."""
        return next(iter(self.names), None)

    def join(self, others: "Owners") -> None:
        """Add the owners of a caller who waits for the same fetch: it waits no longer than a fetch of their own."""
        if others.names.keys() <= self.names.keys() or len(self.names) >= MOST:
            return
        self.names.update(others.names)
        for tell in self._watchers:
            tell()

    def watch(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever an owner has joined, until `unwatch`."""
        self._watchers.append(tell)

    def unwatch(self, tell: Callable[[], None]) -> None:
        """Call it no longer."""
        self._watchers.remove(tell)


def service_itself() -> Owners:
    """The owner of a call that the service makes for itself, such as for the tenant's time zone."""
    return Owners("")
