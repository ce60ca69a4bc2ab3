"""Faults of transport: what goes wrong with an answer whatever it says (S18)."""

import base64
from dataclasses import replace
from typing import Any

from app.simulator.errors import error
from app.simulator.wire import Answer

Parameters = dict[str, Any]


def status(parameters: Parameters) -> Answer:
    """An error status, with or without ``Retry-After`` (seconds or a date, sent as given)."""
    retry_after = parameters["retry_after"]
    headers = () if retry_after is None else (("retry-after", str(retry_after)),)
    return error(parameters["status"], parameters["shape"], headers=headers)


def redirect(parameters: Parameters) -> Answer:
    """A redirect elsewhere."""
    return replace(error(parameters["status"], "html", "Found"), headers=(("location", parameters["location"]),))


def body(parameters: Parameters) -> Answer:
    """A body of one's own, as text or ``base64``."""
    content = base64.b64decode(parameters["base64"]) if parameters["base64"] else parameters["text"].encode()
    headers = tuple((str(name), str(value)) for name, value in parameters["headers"].items())
    return Answer(parameters["status"], content, parameters["content_type"], headers)


def timeout(parameters: Parameters) -> Answer:
    """Silence, then a gateway's 504."""
    return replace(error(504), wait=parameters["delay_seconds"])


def slow(answer: Answer, parameters: Parameters) -> Answer:
    """The right answer, late."""
    return replace(answer, wait=answer.wait + parameters["delay_seconds"])


def truncated(answer: Answer, parameters: Parameters) -> Answer:
    """The connection closes within the body."""
    return replace(
        answer, ending="cut", sent=int(len(answer.body) * parameters["share"]), framing=parameters["framing"]
    )


def stall(answer: Answer, parameters: Parameters) -> Answer:
    """The body stops coming while the connection stays."""
    return replace(truncated(answer, parameters), ending="stall")


def bad_json(answer: Answer, _: Parameters) -> Answer:
    """A complete body that does not parse."""
    return replace(answer, body=answer.body[:-1] + b',"oops":')


def content_type(answer: Answer, parameters: Parameters) -> Answer:
    """The right body under a wrong type."""
    return replace(answer, content_type=parameters["content_type"])
