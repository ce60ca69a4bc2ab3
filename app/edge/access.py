"""Who asks: credential → Viewer. Client keys come by a later step; until then there are anonymous viewers only."""

from dataclasses import dataclass

from starlette.datastructures import Headers

from app.errors import BadRequest, Forbidden, Unauthorized
from app.interactions.masking import Audience
from app.settings import Settings

CREDENTIAL_HEADERS = ("authorization", "x-api-key")


@dataclass(frozen=True, slots=True)
class Viewer:
    """One who may ask, under a label fit for logs."""

    label: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Raise Forbidden where the scope is missing."""
        if scope not in self.scopes:
            raise Forbidden(f"This needs the scope {scope}.")

    def audience(self, *, clear: bool) -> Audience:
        """What this viewer sees. Raises Forbidden where clear personal data is asked for without the scope."""
        if clear:
            self.require("pii:read")
        return Audience(clear=clear, notes="notes:read" in self.scopes)


def identify(headers: Headers, settings: Settings) -> Viewer:
    """The viewer behind a request. Raises Unauthorized, or BadRequest for two credentials."""
    credentials = [value for name in CREDENTIAL_HEADERS for value in headers.getlist(name)]
    if len(credentials) > 1:
        raise BadRequest("Two credentials in one request; send one.")
    if credentials:
        raise Unauthorized("This key is not known here. No client keys are configured.")
    if not settings.anonymous_allowed:
        raise Unauthorized("A client key is needed.")
    return Viewer("anonymous", frozenset(settings.anonymous_scopes))
