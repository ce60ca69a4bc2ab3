"""The kinds of interaction that occur, as a table: how each is played and how often."""

from collections.abc import Callable
from dataclasses import dataclass

from app.simulator import abandons, channels, voice
from app.simulator.clock import parse_time
from app.simulator.dice import PlainDice
from app.simulator.options import DEMO_TENANT_ID
from app.simulator.people import PLAIN_CONTACT
from app.simulator.scene import Record, Scene

EXAMPLE_START = "2026-03-02T15:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way an interaction can go; ``weight`` is its share of arrivals, 0 for those found in a series only."""

    play: Callable[[Scene], None]
    weight: float

    @property
    def words(self) -> str:
        return (self.play.__doc__ or "").strip()


KINDS: dict[str, Kind] = {
    "voice-answered": Kind(voice.answered, 34),
    "voice-holds": Kind(voice.holds, 6),
    "voice-uneven-talk": Kind(voice.uneven_talk, 4),
    "voice-whole-seconds": Kind(voice.whole_seconds, 2),
    "voice-ivr-abandon": Kind(abandons.ivr_abandon, 5),
    "voice-queue-abandon": Kind(abandons.queue_abandon, 6),
    "voice-short-abandon": Kind(abandons.short_abandon, 2),
    "voice-hold-abandon": Kind(abandons.hold_abandon, 1),
    "voice-transfer": Kind(voice.transfer, 5),
    "voice-transfer-chain": Kind(voice.transfer_chain, 0.5),
    "voice-transfer-back": Kind(voice.transfer_back, 1),
    "voice-conference": Kind(voice.conference, 1),
    "voice-rejected-offers": Kind(voice.rejected_offers, 4),
    "voice-overflow": Kind(voice.overflow, 2),
    "voice-self-service": Kind(voice.self_service, 4),
    "voice-survey": Kind(voice.survey, 3),
    "voice-outbound": Kind(voice.outbound, 5),
    "voice-click-to-call": Kind(voice.click_to_call, 2),
    "voice-legacy": Kind(voice.legacy, 1),
    "voice-zendesk": Kind(voice.zendesk, 2),
    "voice-salesforce": Kind(voice.salesforce, 2),
    "voice-open-in-queue": Kind(voice.open_in_queue, 0),
    "voice-open-in-conversation": Kind(voice.open_in_conversation, 0),
    "sms": Kind(channels.sms, 3),
    "email": Kind(channels.email, 4),
    "email-outbound": Kind(channels.email_outbound, 1),
    "messaging": Kind(channels.messaging, 6),
    "messaging-abandon": Kind(channels.messaging_abandon, 1),
    "work-item": Kind(channels.work_item, 2),
    "work-item-open": Kind(channels.work_item_open, 0.1),
}


def example(kind: str) -> Record:
    """The plain example of a kind: fixed times and ids, whole seconds, no ``details``; a fresh object, always equal."""
    scene = Scene(parse_time(EXAMPLE_START), PlainDice(), PLAIN_CONTACT, DEMO_TENANT_ID)
    KINDS[kind].play(scene)
    return scene.record
