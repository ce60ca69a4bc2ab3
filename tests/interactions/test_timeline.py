"""The timeline: what happened when, in seconds from the start."""

from msgspec import to_builtins
from msgspec.structs import astuple

from app.interactions.timeline import KINDS
from app.simulator.kinds import example
from tests.interactions.records import facts, made, sample, spans_of

ALEX = ("eaff3f40-658d-11e7-9259-cb127bd0d17b", "Alex Example")
SUPPORT = ("ae708610-6592-11e7-9259-cb127bd0d17b", "Support")
NOBODY = (None, None)
SPAN_FIELDS = (
    "kind",
    "started_at",
    "ended_at",
    "offset_seconds",
    "duration_seconds",
    "agent_id",
    "agent_name",
    "queue_id",
    "queue_name",
    "segment_number",
)

# kind, start, end, offset, duration, agent, queue, segment number: worked out by hand from the sample's times
GOLDEN = [
    ("segment", "14:33:45.954", "14:34:33.402", 0.0, 47.448, ALEX[0], None, *NOBODY, 0),
    ("ivr", "14:33:45.954", "14:33:56.423", 0.0, 10.469, *NOBODY, *NOBODY, None),
    ("queue", "14:33:56.423", "14:34:03.014", 10.469, 6.591, ALEX[0], None, *SUPPORT, None),
    ("offer", "14:33:57.743", "14:34:03.014", 11.789, 5.271, *ALEX, *SUPPORT, None),
    ("conversation", "14:34:03.014", "14:34:32.848", 17.06, 29.834, *ALEX, *SUPPORT, None),
    ("wrap_up", "14:34:32.848", "14:34:33.402", 46.894, 0.554, *ALEX, *SUPPORT, None),
]


def spans(record: object) -> list[tuple[object, ...]]:
    """Kind, offset and duration of each."""
    shown = spans_of(facts(record))
    return [(span.kind, span.offset_seconds, span.duration_seconds) for span in shown]


def test_the_documented_interaction_gives_the_golden_timeline() -> None:
    day = "2018-10-30T"
    expected = [(kind, f"{day}{start}Z", f"{day}{end}Z", *rest) for kind, start, end, *rest in GOLDEN]
    assert [astuple(span) for span in spans_of(facts(sample("interaction-voice-answered")))] == expected


def test_every_span_is_of_a_kind_that_is_known_and_says_all_its_fields() -> None:
    for span in spans_of(facts(example("voice-holds"))):
        assert tuple(to_builtins(span)) == SPAN_FIELDS
        assert span.kind in KINDS


def test_holds_stand_between_the_talk() -> None:
    assert spans(example("voice-holds")) == [
        ("segment", 0.0, 275.0),
        ("ivr", 0.0, 10.0),
        ("queue", 10.0, 20.0),
        ("offer", 25.0, 5.0),
        ("conversation", 30.0, 225.0),
        ("hold", 90.0, 30.0),
        ("hold", 210.0, 15.0),
        ("wrap_up", 255.0, 20.0),
    ]


def test_a_refused_offer_lasts_until_it_is_withdrawn_and_leads_to_nothing() -> None:
    offers = [span for span in spans(example("voice-rejected-offers")) if span[0] in ("offer", "conversation")]
    assert offers == [("offer", 20.0, 20.0), ("offer", 40.0, 20.0), ("offer", 60.0, 5.0), ("conversation", 65.0, 150.0)]


def test_what_still_lasts_has_neither_end_nor_duration() -> None:
    assert spans(example("voice-open-in-conversation")) == [
        ("segment", 0.0, None),
        ("ivr", 0.0, 10.0),
        ("queue", 10.0, 20.0),
        ("offer", 25.0, 5.0),
        ("conversation", 30.0, None),
    ]


def test_without_a_queue_the_ivr_lasts_as_long_as_upstream_says_or_until_the_customer_left() -> None:
    assert spans(example("voice-self-service")) == [("segment", 0.0, 75.0), ("ivr", 0.0, 75.0)]
    start, end = "2026-03-02T15:00:00.000Z", "2026-03-02T15:00:12.500Z"
    assert spans(made(startTimestamp=start, endTimestamp=end, ivrAbandoned=True)) == [("ivr", 0.0, 12.5)]
    assert spans(made(startTimestamp=start, endTimestamp=end)) == []
    assert spans(made(startTimestamp=start, ivrTime=1e300)) == []


def test_spans_come_in_the_order_of_their_starts_even_before_the_interaction() -> None:
    early = {"startTimestamp": "2026-03-02T14:59:59.000Z", "endTimestamp": "2026-03-02T15:00:01.000Z"}
    late = {"startTimestamp": "2026-03-02T15:00:02.000Z"}
    record = made(startTimestamp="2026-03-02T15:00:00.000Z", segments=[late, early, {"segmentNumber": 2}])
    assert spans(record) == [("segment", -1.0, 2.0), ("segment", 2.0, None)]
