"""The golden row: the documented interaction, every column in the order of INTERFACE §8, every value."""

import json

from app.http.openapi import GOLDEN as FILE
from tests.interactions.expected import NOTHING
from tests.interactions.records import CLEAR, row, sample

MADE = json.loads(FILE.read_text(encoding="utf-8"))["rows"]["interactions"][0]  # a hash is made by no hand
GOLDEN = [
    ("interaction_id", "c506eb9b-f523-4616-8839-fbce3fd89c17"),
    ("tenant_id", "87165f24-f1d4-4b2e-acec-05ac94e0ead4"),
    ("contact_id", "f4895fe0-6714-11e7-9259-cb127bd0d17b"),
    ("channel_type", "voice"),
    ("direction", "inbound"),
    ("flow_id", "95bc80c0-59e2-11e8-a331-9e78b32c710f"),
    ("flow_name", "Custom Attributes"),
    ("contact_point", "+15550100"),
    ("customer_masked", "***23"),
    ("customer_key", "a897f0bd0a30c793b6f50d48d5ebad71"),
    ("customer", None),
    ("started_at", "2018-10-30T14:33:45.954Z"),
    ("ended_at", "2018-10-30T14:34:33.166Z"),
    ("last_event_at", "2018-10-30T14:34:33.402Z"),  # the segment's end, 0.236 s after the interaction's
    ("started_on", "2018-10-30"),
    ("started_hour", 10),  # 14 − 4, summer time in US/Eastern
    ("duration_seconds", 47.212),
    ("ivr_seconds", 10.469),
    ("queue_entry_count", 1),
    ("queue_seconds", 6.591),
    ("time_to_answer_seconds", 6.591),
    ("first_queue_id", "ae708610-6592-11e7-9259-cb127bd0d17b"),
    ("first_queue_name", "Support"),
    ("last_queue_id", "ae708610-6592-11e7-9259-cb127bd0d17b"),
    ("last_queue_name", "Support"),
    ("queue_exit_type", "success"),
    ("agent_count", 1),
    ("offer_count", 1),
    ("rejected_offer_count", 0),
    ("first_agent_id", "eaff3f40-658d-11e7-9259-cb127bd0d17b"),
    ("first_agent_name", "Alex Example"),
    ("last_agent_id", "eaff3f40-658d-11e7-9259-cb127bd0d17b"),
    ("last_agent_name", "Alex Example"),
    ("answered_at", "2018-10-30T14:34:03.014Z"),
    ("conversation_seconds", 29.834),
    ("talk_seconds", 29.834),  # the leg's, not the 30.361 of its talkTimes
    ("hold_count", 0),
    ("hold_seconds", 0.0),
    ("wrap_up_seconds", None),
    ("handle_seconds", 29.834),
    ("talk_hold_wrap_seconds", None),  # of an unknown wrap-up
    ("customer_talk_seconds", 29.701),
    ("customer_conversation_seconds", 29.701),
    ("abandon_seconds", None),
    ("abandon_stage", None),
    ("segment_count", 1),
    ("transfer_count", 0),
    ("end_type", "success"),
    ("csat_score", None),
    ("disposition_name", None),
    ("note_count", 1),
    ("attribute_count", 3),  # the same three stand in both arrays
    ("sla_outcome", "met"),  # 6.591 ≤ 20
    ("is_queued", True),
    ("is_answered", True),
    ("is_abandoned", False),
    ("is_short_abandon", False),
    ("is_transferred", False),
    ("is_sla_met", True),
    ("is_sla_eligible", True),
    ("is_final", True),
    ("row_version", MADE["row_version"]),  # changes only on purpose: every client's copy of every row changes with it
]


def test_the_documented_interaction_gives_the_golden_row() -> None:
    assert list(row(sample("interaction-voice-answered")).items()) == GOLDEN


def test_the_clear_view_differs_in_the_customer_alone() -> None:
    clear = row(sample("interaction-voice-answered"), CLEAR)
    assert list(clear.items()) == [(name, "+15550123" if name == "customer" else value) for name, value in GOLDEN]


def test_rows_worked_out_by_hand_have_all_columns_but_the_version() -> None:
    assert [*NOTHING, "row_version"] == [name for name, _ in GOLDEN]
