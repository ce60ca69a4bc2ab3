"""Faults of transport: what goes wrong with an answer whatever it says (S18)."""

import base64
from dataclasses import replace
from typing import Any

from app.simulator.broken import BROKEN, Broken, cut, no_answer
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
    return replace(answer, broken=cut(answer.body, share=parameters["share"], framing=parameters["framing"]))


def stall(answer: Answer, parameters: Parameters) -> Answer:
    """The body stops coming while the connection stays."""
    stalled = cut(answer.body, share=parameters["share"], framing=parameters["framing"], ending="open")
    return replace(answer, broken=stalled)


def reset(answer: Answer, parameters: Parameters) -> Answer:
    """The connection is reset within the body; without a ``share`` before anything was sent."""
    share = parameters["share"]
    broken = Broken(ending="reset") if share is None else cut(answer.body, share=share, ending="reset")
    return replace(answer, broken=broken)


def garbled(answer: Answer, parameters: Parameters) -> Answer:
    """An answer broken ``how`` the table of breaks says; for an unknown word, without a byte."""
    return replace(answer, broken=BROKEN.get(parameters["how"], no_answer)(answer.body))


def bad_json(answer: Answer, _: Parameters) -> Answer:
    """A complete body that does not parse."""
    return replace(answer, body=answer.body[:-1] + b',"oops":')


def content_type(answer: Answer, parameters: Parameters) -> Answer:
    """The right body under a wrong type."""
    return replace(answer, content_type=parameters["content_type"])
