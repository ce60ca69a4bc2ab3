"""What makes arrivals differ within their kind: attributes, plain and strange, notes, outcomes, late edits."""

from app.simulator.clock import stamp
from app.simulator.scene import Scene
from app.simulator.writing import attribute, edit, note

STRANGE_VALUES = (
    "10:30", "sip:1001@example.com", "a,b;c", 'say "hello"', "it's", "back\\slash", "R&D", "100 %", "50%25",
    "two\nlines", "tab\there", "Zoë Ñandú", "東京支社", "👩\u200d💻 ok", "مرحبا", "=1+1", "+15550142", "-5", "@here",
    "000123", " padded ", "a+b", "x/y?z#w", "<b>bold</b>", "null", '{"json": true}', "long " * 400,
)  # fmt: skip
"""S8: one of these stands on each day's first interactions, under the name ``reference``."""

_REASONS = ("billing question", "new order", "return", "technical fault", "change of address", "complaint")
_DISPOSITIONS = ("Resolved", "Follow-up needed", "Wrong number", "Sale", "No sale", "Escalated")
_NOTES = (
    ("Call back", "Customer asked for a call back on Tuesday."),
    ("Complaint", "Parcel arrived <b>damaged</b> & late; photo requested."),
    ("Order", "Ordered two, \"the blue ones\".\nPays by invoice."),
    ("Empfang", "Kundin möchte eine Kopie der Rechnung."),
)  # fmt: skip
_DAY = 86_400


def adorn(scene: Scene) -> None:
    """Give an arrival the attributes, notes and outcomes of everyday life, by its dice."""
    _attributes(scene)
    if scene.dice.chance(0.75):
        scene.record["updated"] = scene.record["startTimestamp"]
    if scene.answered_at is None or scene.ended_at is None:
        return
    _outcome(scene)
    if scene.dice.chance(0.35):
        late = 90 * scene.dice.number(0, 20)
        note(scene, *scene.dice.sample(_NOTES, 1)[0], at=scene.ended_at + late * 1000)


def _attributes(scene: Scene) -> None:
    early = min(scene.start + 1500, scene.now)
    if scene.dice.chance(0.8):
        attribute(scene, "accountNumber", scene.contact.account, at=early)
    if scene.dice.chance(0.5):
        attribute(scene, "customerTier", "VIP" if scene.dice.chance(0.15) else "Standard", at=early)
    if scene.answered_at is None:
        return
    if scene.dice.chance(0.4):
        first, second = scene.dice.sample(_REASONS, 2)
        attribute(scene, "callReason", first, by_agent=True, at=scene.answered_at)
        if scene.dice.chance(0.2):
            attribute(scene, "callReason", second, by_agent=True, at=scene.now)
    if scene.dice.chance(0.1):
        attribute(scene, "orderNumber ", f"{scene.dice.number(0, 99_999):06d}", at=scene.answered_at)


def _outcome(scene: Scene) -> None:
    if scene.dice.chance(0.6):
        edit(scene, scene.dice.number(20, 400), dispositionName=scene.dice.sample(_DISPOSITIONS, 1)[0])
    if scene.dice.chance(0.12):
        edit(scene, scene.dice.number(60, 3600), customerSatisfactionScore=scene.dice.number(1, 10))
    if scene.dice.chance(0.5):
        edit(scene, 600, audioRecording=True)
    if scene.dice.chance(0.03):
        after = scene.dice.number(3600, 3 * _DAY)
        when = stamp((scene.ended_at or 0) + after * 1000)
        edit(scene, after, flagged=True, flagTimestamp=when, flagType=scene.dice.sample(("quality", "coaching"), 1)[0])
