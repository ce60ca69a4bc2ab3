"""The body of a purge, parsed strictly, so that a slip never purges more or less."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import hexdigits

import msgspec
from fastapi import Request

from app.errors import BadRequest, BodyTooLarge, InvalidParameters, ParameterFault, UnsupportedMediaType
from app.http.hints import nearest
from app.http.messages import PurgeScope
from app.http.values import Refused, identity
from app.interactions.masking import PSEUDONYM_DIGITS

LONGEST_BODY = 64 * 1024  # bytes (FAULTS 1.5)
MOST_FAULTS = 10  # of one order that are told
OWN_HEADER = "X-Requested-With"


@dataclass(frozen=True, slots=True)
class Purge:
    """A purge of everything, of the snapshot of the query string `text`, or of all of an interaction or a customer."""

    scope: PurgeScope
    text: str = ""


async def order_of(request: Request) -> Purge:
    """The purge that a request orders.

    Raises UnsupportedMediaType, BadRequest without OWN_HEADER, BodyTooLarge, InvalidParameters. No page of another site
    can send both the type and the header without asking first, and that is refused (FAULTS T38).
    """
    types = [value.partition(";")[0].strip().lower() for value in request.headers.getlist("content-type")]
    if types != ["application/json"]:
        raise UnsupportedMediaType()
    if not request.headers.get(OWN_HEADER):
        raise BadRequest(f"Send the header {OWN_HEADER} with any value: it shows that no page of another site asks.")
    return read(await _body(request))


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > LONGEST_BODY:
        raise BodyTooLarge()
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise BodyTooLarge()
    return bytes(body)


def read(body: bytes) -> Purge:
    """The purge in a JSON text. Raises InvalidParameters with all faults."""
    try:
        members = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise InvalidParameters([ParameterFault("body", f"The body must be a JSON object: {_TAKEN}.")])
    unknown = [name for name in members if name not in MEMBERS]
    faults = [_unknown(name) for name in unknown[:MOST_FAULTS]]  # no hint is looked for that nobody is told
    known = [name for name in MEMBERS if name in members]
    if not faults and len(known) != 1:
        faults = [ParameterFault("body", f"The body must have exactly one member: {_TAKEN}.", allowed=tuple(MEMBERS))]
    orders = []
    for name in known:
        try:
            orders.append(MEMBERS[name](members[name]))
        except Refused as refused:
            faults.append(ParameterFault(name, f"{name} {refused.words}."))
    if faults:
        raise InvalidParameters(faults, more=len(unknown[MOST_FAULTS:]), most=MOST_FAULTS)
    return orders[0]


def _all(value: object) -> Purge:
    if value is not True:
        raise Refused("must be true")
    return Purge("all")


def _query(value: object) -> Purge:
    if not isinstance(value, str):
        raise Refused("must be a text: a query string as /interactions takes it")
    return Purge("query", value)


def _interaction(value: object) -> Purge:
    if not isinstance(value, str):
        raise Refused("must be a text: an interaction's id")
    return Purge("interaction", identity(value))


def _customer(value: object) -> Purge:
    if not isinstance(value, str) or len(value) != PSEUDONYM_DIGITS or not set(value) <= set(hexdigits.lower()):
        raise Refused("must be a text: the customer_key of a row")
    return Purge("customer", value)


MEMBERS: Mapping[str, Callable[[object], Purge]] = {
    "all": _all,
    "query": _query,
    "interaction_id": _interaction,
    "customer_key": _customer,
}
_TAKEN = '{"all": true}, {"query": "attr=VIP&from=2026-11-01"}, {"interaction_id": "…"} or {"customer_key": "…"}'
_LONGEST_NAME = 64  # characters of a name that are shown


def _unknown(name: str) -> ParameterFault:
    near = nearest(name, tuple(MEMBERS))
    words = f"The body has a member that is not known here; it takes {_TAKEN}."
    return ParameterFault(name[:_LONGEST_NAME], words, allowed=tuple(MEMBERS), did_you_mean=near)
