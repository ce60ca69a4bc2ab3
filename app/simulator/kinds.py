"""The kinds of interaction that occur: a table of how often each arrives and how it goes, step by step."""

from collections.abc import Callable
from typing import NamedTuple

from app.simulator.clock import parse_time
from app.simulator.dice import Dice, PlainDice
from app.simulator.people import CENTRE_PHONES, FLOWS, PLAIN_CONTACT, contacts
from app.simulator.scene import Record, Scene
from app.simulator.tenant import DEMO_TENANT_ID

EXAMPLE_START = "2026-03-02T15:00:00.000Z"


class Kind(NamedTuple):
    """A course an interaction can take; ``weight`` is its share of arrivals, 0 where only a series holds it."""

    weight: float
    words: str
    play: Callable[[Scene], Scene]


def _call(s: Scene, ivr: float = 10) -> Scene:
    """A customer calls and goes through the menu."""
    return s.begin("voice", "inbound", s.contact.phone, s.dice.sample(CENTRE_PHONES, 1)[0], FLOWS[0]).wait(ivr)


def _reach(s: Scene) -> Scene:
    """A customer calls, waits in a queue and reaches an agent."""
    return _call(s).enter_queue(15).offer(0, 5)


def _answered(s: Scene) -> Scene:
    return _reach(s).talk(180).part(wrap_up=30)


def _whole_seconds(s: Scene) -> Scene:
    s.dice.whole = True
    del s.record["contactId"]
    return _answered(s)


def _legacy(s: Scene) -> Scene:
    s.legacy = True
    return _reach(s).attribute("accountNumber", s.contact.account).talk(80).part()


def _zendesk(s: Scene) -> Scene:
    _reach(s).crm_link("zendesk", "ticket", str(s.dice.number(415, 9999)))
    s.crm_link("zendesk", "user", str(s.dice.number(26359162568, 26359999999)), s.contact.name)
    return s.attribute("callerName", s.contact.name).talk(110).part(wrap_up=60)


def _salesforce(s: Scene) -> Scene:
    _reach(s).crm_link("salesforce-lightning", "Case", f"500{s.dice.number(10000, 99999)}", "Invented case")
    return s.talk(140).part(wrap_up=20)


def _write_in(s: Scene, channel: str, customer: str, point: str, direction: str = "inbound") -> Scene:
    """A customer writes, or a task begins; the details of all channels but voice are invented (UPSTREAM §11)."""
    return s.begin(channel, direction, customer, point, FLOWS[3]).wait(1)


def _chat(s: Scene) -> Scene:
    return _write_in(s, "messaging", s.contact.handle, "web-chat")


def _task(s: Scene, direction: str = "inbound") -> Scene:
    return _write_in(s, "work-item", f"case-{s.contact.account}", "work-items", direction)


def _serve(s: Scene, wait: float, work: float) -> Scene:
    """An agent takes the interaction from its queue and answers in writing."""
    return _reply(s.enter_queue(wait, by="flow").offer(0, 8), work).part(wrap_up=5)


def _reply(s: Scene, typical: float) -> Scene:
    """The agent takes a while to answer: written channels have response times in place of talk."""
    s.stretch("customerResponseTime", typical)
    return s


KINDS: dict[str, Kind] = {
    "voice-answered": Kind(34, "Answered by one agent after a short wait; wrap-up outlives the call.", _answered),
    "voice-holds": Kind(
        6, "Put on hold twice.",
        lambda s: _reach(s).talk(60).hold(30).talk(90).hold(15).talk(30).part(wrap_up=20),
    ),
    "voice-uneven-talk": Kind(
        4, "The talk times and the leg's own talk time disagree, as in the documented sample.",
        lambda s: _reach(s).talk(60, uneven=500).talk(40, uneven=250).part(wrap_up=10),
    ),
    "voice-whole-seconds": Kind(2, "Durations are integers; the caller is no known contact.", _whole_seconds),
    "voice-ivr-abandon": Kind(
        5, "Hung up in the menu, before any queue.",
        lambda s: _call(s, ivr=12).cancel_segment().end().set(ivrAbandoned=True)
        .copy("interactionTime", "ivrAbandonTime", "ivrTime"),
    ),
    "voice-queue-abandon": Kind(6, "Gave up waiting in the queue.", lambda s: _call(s).enter_queue(90).give_up()),
    "voice-short-abandon": Kind(
        2, "Gave up after a few seconds in the queue.", lambda s: _call(s).enter_queue(4).give_up()
    ),
    "voice-hold-abandon": Kind(
        1, "Hung up while on hold, after a conversation.",
        lambda s: _reach(s).talk(60).hold(45).part(by="customer-disconnect").set(customerHoldAbandoned=True),
    ),
    "voice-transfer": Kind(
        5, "Transferred once, to another queue and agent.",
        lambda s: _reach(s).talk(60).transfer(1, wait=25).offer(1, 5).talk(120).part(wrap_up=15),
    ),
    "voice-transfer-chain": Kind(
        0.5, "Transferred three times: four segments, agents and queue entries.",
        lambda s: _reach(s).talk(40).transfer(1, wait=20).offer(1, 5).talk(40).transfer(2, wait=20).offer(2, 5)
        .talk(40).transfer(0, wait=20).offer(3, 5).talk(90).part(),
    ),
    "voice-transfer-back": Kind(
        1, "Transferred away and back: the same agent twice.",
        lambda s: _reach(s).talk(50).transfer(1, wait=10).offer(1, 5)
        .talk(50).transfer(0, wait=10).offer(0, 5).talk(70).part(),
    ),
    "voice-conference": Kind(
        1, "A second agent is added to the call, and a third party for a while.",
        lambda s: _reach(s).talk(60).release().begin_segment("add-participant").offer(1, 5).talk(90)
        .set(thirdPartyTime=40).part(by="interaction-end"),
    ),
    "voice-rejected-offers": Kind(
        4, "Two agents miss the offer before a third accepts.",
        lambda s: _call(s).enter_queue(10).offer(1, 20, accepted=False).offer(2, 20, accepted=False).offer(0, 5)
        .talk(150).part(wrap_up=10),
    ),
    "voice-overflow": Kind(
        2, "The first queue times out, a second one answers; no transfer.",
        lambda s: _call(s).enter_queue(60).leave_queue("timeout").enter_queue(20, line=1).offer(0, 5).talk(100).part(),
    ),
    "voice-self-service": Kind(
        4, "Served by the menu alone: no queue, no agent, not abandoned.",
        lambda s: _call(s, ivr=75).end_segment("interaction-end").end().copy("interactionTime", "ivrTime"),
    ),
    "voice-survey": Kind(
        3, "After the agent a survey follows: the segment ends before the interaction.",
        lambda s: _reach(s).talk(120).release().wait(13).end().set(customerSatisfactionScore=s.dice.number(8, 10)),
    ),
    "voice-outbound": Kind(
        5, "An agent's outbound call, without a queue.",
        lambda s: s.begin("voice", "outbound", s.contact.phone, "outbound", FLOWS[4]).offer(0, 3).talk(90)
        .part(wrap_up=10),
    ),
    "voice-click-to-call": Kind(
        2, "Begun by an agent, never answered by the customer: no queue, no agent leg, no flow.",
        lambda s: s.begin("voice", "agent-initiated", s.contact.phone, "click to call").wait(25)
        .cancel_segment("cancelled").end(),
    ),
    "voice-legacy": Kind(
        1, "As in 2017: nested objects without tenant and interaction, attributes among the hooks only.", _legacy
    ),
    "voice-zendesk": Kind(
        2, "Linked to a Zendesk ticket (without a display name) and user; an attribute repeats the user's name.",
        _zendesk,
    ),
    "voice-salesforce": Kind(2, "Linked to a Salesforce case.", _salesforce),
    "voice-open-in-queue": Kind(0, "Still waiting in the queue.", lambda s: _call(s).enter_queue()),
    "voice-open-in-conversation": Kind(0, "Still talking to an agent.", _reach),
    "sms": Kind(
        3, "A text message answered by an agent.",
        lambda s: _serve(
            _write_in(s, "sms", s.contact.phone, s.dice.sample(CENTRE_PHONES, 1)[0]), wait=40, work=240
        ),
    ),
    "email": Kind(
        4, "An e-mail answered within the hour.",
        lambda s: _serve(_write_in(s, "email", s.contact.email, "support@example.com"), wait=900, work=600),
    ),
    "email-outbound": Kind(
        1, "An e-mail written by an agent; it has no queue.",
        lambda s: _reply(_write_in(s, "email", s.contact.email, "outbound-email", "outbound").offer(0, 2), 300).part(),
    ),
    "messaging": Kind(6, "A web chat.", lambda s: _serve(_chat(s), wait=20, work=420)),
    "messaging-abandon": Kind(
        1, "A web chat whose visitor left while waiting.", lambda s: _chat(s).enter_queue(60, by="flow").give_up()
    ),
    "work-item": Kind(
        2, "A task worked off by an agent.", lambda s: _serve(_task(s, "agent-initiated"), wait=300, work=400)
    ),
    "work-item-open": Kind(
        0.1, "A task nobody has taken yet: open for days.", lambda s: _task(s).enter_queue(by="flow")
    ),
    "email-backlog": Kind(
        0, "An e-mail answered after hours.",
        lambda s: _serve(_write_in(s, "email", s.contact.email, "support@example.com"), wait=10_200, work=600),
    ),
}  # fmt: skip
"""The order of the rows decides what a seed draws."""


def play(kind: str, start: int, dice: Dice, seed: int, tenant_id: str) -> Scene:
    """A scene of a kind, played to its end for one of the seed's customers."""
    return KINDS[kind].play(Scene(start, dice, dice.rng.choice(contacts(seed)), tenant_id))


def example(kind: str) -> Record:
    """The plain example of a kind: fixed times and ids, whole seconds, no ``details``; a fresh object, always equal."""
    return KINDS[kind].play(Scene(parse_time(EXAMPLE_START), PlainDice(), PLAIN_CONTACT, DEMO_TENANT_ID)).record
