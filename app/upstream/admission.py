"""The moment a call may leave: it has its slot, so what was settled before it queued for one is looked at again."""

from contextlib import ExitStack
from dataclasses import dataclass

from app.upstream.attempts import Attempts
from app.upstream.credentials import Credentials
from app.upstream.session import UpstreamSession


class ExpiredError(Exception):
    """The token ended while the call waited for a slot: it has to be renewed, without the slot."""


class RefusedError(Exception):
    """Upstream answered 401 to a call with this authorization of these credentials."""

    def __init__(self, credentials: Credentials, authorization: str) -> None:
        super().__init__()
        self.credentials = credentials
        self.authorization = authorization


@dataclass(slots=True)
class Admission:
    """Gives one call its leave, which `passes` takes back, and the credentials of this very moment."""

    line: UpstreamSession
    attempts: Attempts
    endpoint: str
    passes: ExitStack
    credentials: Credentials | None = None
    authorization: str = ""

    def __call__(self) -> str:
        """The Authorization to send. Raises ExpiredError where a login must come first, UpstreamError to stop it."""
        self.credentials = self.line.credentials
        current = self.credentials.current()
        if current is None:
            raise ExpiredError
        self.passes.enter_context(self.line.restraint.admit(self.endpoint))
        self.attempts.has_sent = True
        self.authorization = current
        return current

    def refused(self) -> RefusedError:
        """The 401 that the call was answered with."""
        return RefusedError(self.credentials or self.line.credentials, self.authorization)
