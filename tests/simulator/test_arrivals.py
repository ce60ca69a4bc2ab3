"""The data hold every case that UPSTREAM §11 lists (S1–S12)."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.simulator import KINDS, SimulatorState
from app.simulator.arrivals import STRANGE_VALUES, arrivals
from app.simulator.clock import DAY, stamp
from app.simulator.interaction import Form
from app.simulator.scene import ATTRIBUTE
from tests.simulator.support import DOCUMENTED_ID
from tests.support.simulator import QUIET

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Every row of the list as it is answered, newest first."""
    state = SimulatorState(QUIET)
    now = state.now_text()
    return [json.loads(row.encoded(now, Form())) for row in state.world.rows(state.now())]


def nested(rows: Rows, *arrays: str) -> Rows:
    return [child for row in rows for array in arrays for child in row.get(array, ())]


def attributes(rows: Rows) -> Rows:
    return [hook for hook in nested(rows, "hooks") if hook["hookSubType"] == ATTRIBUTE]


def test_where_so_many_are_wanted_some_arrive_in_every_hour() -> None:
    """A Sunday's, in a zone whose nights know hardly any."""
    sunday = 20_415
    hours = [
        Counter(row.start[:13] for row in arrivals(sunday, 7, 12.0, "US/Eastern", "t", least=least))
        for least in (0, 20)
    ]
    assert len(hours[0]) < 24
    assert len(hours[1]) == 24
    assert min(hours[1].values()) > 5


def test_every_kind_that_has_a_weight_arrives_every_day() -> None:
    day = arrivals(20_000, 7, 12.0, "US/Eastern", QUIET.tenant_id)
    assert {row.kind for row in day} == {name for name, kind in KINDS.items() if kind.weight}


def test_s1_all_channels_and_directions_occur_with_fitting_customers(rows: Rows) -> None:
    assert {row.get("channelType") for row in rows} >= {"voice", "sms", "email", "messaging", "work-item"}
    assert {row.get("direction") for row in rows} >= {"inbound", "outbound", "agent-initiated"}
    forms = {"voice": r"\+1\d+", "sms": r"\+1\d+", "email": r".+@example\.com", "work-item": r"case-\d+"}
    for row in rows:
        if row.get("channelType") in forms:
            assert re.fullmatch(forms[row["channelType"]], row.get("customer", "+15550100"))


def test_phone_numbers_and_mail_keep_to_the_fictional_ranges(rows: Rows) -> None:
    text = json.dumps(rows)
    phones = re.findall(r"\+\d{7,}", text)
    assert len(phones) > 400
    assert all(re.fullmatch(r"\+1(\d{3})?55501\d\d", phone) for phone in phones)
    assert {address.split("@")[1] for address in re.findall(r"[\w.]+@[\w.]+", text)} == {"example.com"}


def test_s2_abandons_occur_in_menu_queue_and_on_hold(rows: Rows) -> None:
    in_menu = [row for row in rows if row.get("ivrAbandoned")]
    assert in_menu
    assert all("queues" not in row and row["ivrAbandonTime"] == row["ivrTime"] for row in in_menu)
    in_queue = [row for row in rows if "customerAbandonTime" in row and "queues" in row]
    assert in_queue
    for row in in_queue:
        last = row["segments"][-1]
        assert last["segmentCancelled"]
        assert last["segmentEndType"] == "customer-disconnect"
        assert last["segmentCancelTime"] == row["customerAbandonTime"]
    on_hold = [row for row in rows if row.get("customerHoldAbandoned")]
    assert on_hold
    assert all(row["customerConversationTime"] > 0 and row["customerHolds"] > 0 for row in on_hold)


def test_s3_transfers_participants_refused_offers_and_several_queues_occur(rows: Rows) -> None:
    assert {len(row.get("segments", ())) for row in rows if row.get("customerTransfers")} == {2, 3, 4}
    assert "add-participant" in {segment["segmentStartType"] for segment in nested(rows, "segments")}
    legs = [
        [leg["agentId"] for leg in row["agents"] if leg.get("agentWorkAccepted")] for row in rows if "agents" in row
    ]
    assert any(len(agents) > len(set(agents)) for agents in legs)
    refused = [leg for leg in nested(rows, "agents") if leg.get("agentWorkAccepted") is False]
    assert refused
    assert not any("conversationStartTimestamp" in leg for leg in refused)
    assert any(row["agents"][0].get("agentWorkAccepted") is False and row["agents"][-1]["agentWorkAccepted"]
               for row in rows if len(row.get("agents", ())) > 1)  # fmt: skip
    assert any(len(row.get("queues", ())) > 1 and not row.get("customerTransfers") for row in rows)


def test_s4_open_rows_and_segments_that_outlive_or_precede_the_end_occur(rows: Rows) -> None:
    still_open = [row for row in rows if "endTimestamp" not in row]
    assert still_open
    assert not any("interactionTime" in row for row in still_open)
    last = [
        (row["segments"][-1].get("endTimestamp", ""), row["endTimestamp"]) for row in rows
        if "segments" in row and "endTimestamp" in row
    ]  # fmt: skip
    assert any(segment > end for segment, end in last)
    assert any(segment and segment < end for segment, end in last)


def test_s5_rows_lack_queues_contact_agents_and_nested_tenants(rows: Rows) -> None:
    for field in ("queues", "contactId", "agents"):
        assert any(field not in row for row in rows)
        assert any(field in row for row in rows)
    assert any("tenantId" not in child for child in nested(rows, "segments"))
    assert any("tenantId" in child for child in nested(rows, "segments"))


def test_s6_attributes_stand_twice_or_among_hooks_only_in_all_their_oddities(rows: Rows) -> None:
    both = [row for row in rows if "interactionAttributes" in row]
    assert all(row["interactionAttributes"] == attributes([row]) for row in both)
    assert any(attributes([row]) and "interactionAttributes" not in row for row in rows)
    assert any(hook["hookType"].endswith(" ") for hook in attributes(rows))
    written = [Counter(hook["hookType"] for hook in attributes([row])) for row in rows]
    assert any(count > 1 for names in written for count in names.values())
    assert {"agentId" in hook for hook in attributes(rows)} == {True, False}


def test_s7_crm_links_occur_and_an_attribute_repeats_a_display_name(rows: Rows) -> None:
    links = [hook for hook in nested(rows, "hooks") if hook["hookSubType"] != ATTRIBUTE]
    assert {(hook["hookType"], hook["hookSubType"]) for hook in links} == {
        ("zendesk", "ticket"), ("zendesk", "user"), ("salesforce-lightning", "Case"),
    }  # fmt: skip
    assert all("hookedBy" in hook and "hookBy" not in hook for hook in links)
    assert {"hookName" in hook for hook in links} == {True, False}
    displayed = {hook["hookName"] for hook in links if "hookName" in hook}
    assert displayed & {hook["hookName"] for hook in attributes(rows)}


def test_s8_strange_values_all_occur_unchanged(rows: Rows) -> None:
    assert set(STRANGE_VALUES) <= {hook["hookName"] for hook in attributes(rows)}


def test_s9_notes_uneven_talk_holds_outcomes_and_whole_durations_occur(rows: Rows) -> None:
    bodies = [note["body"] for note in nested(rows, "notes")]
    assert any("<b>" in body for body in bodies)
    legs = [leg for leg in nested(rows, "agents") if "talkTimes" in leg and "agentTalkTime" in leg]
    assert any(sum(stretch["agentTalkTime"] for stretch in leg["talkTimes"]) > leg["agentTalkTime"] for leg in legs)
    assert any(row["customerHolds"] > 1 and len(row["customerHoldTimes"]) > 1 for row in rows if "customerHolds" in row)
    for field in ("dispositionName", "customerSatisfactionScore", "flagged", "flagTimestamp", "flagType"):
        assert any(field in row for row in rows), field
    assert {type(row["interactionTime"]) for row in rows if "interactionTime" in row} == {int, float}


def test_s10_late_edits_arrive_after_the_end_and_move_updated() -> None:
    day = arrivals(20_000, 7, 12.0, "US/Eastern", QUIET.tenant_id)
    edited = [row for row in day if row.edits and "updated" in row.record]
    assert len(edited) > 20
    for row in edited:
        when, fields = row.edits[-1]
        before, after = row.at(row.record["endTimestamp"]), row.at(when)
        assert when > row.record["endTimestamp"]
        assert not fields.keys() & before.keys() - {"customerSatisfactionScore"}
        assert after.items() >= fields.items()
        assert after["updated"] == when > before["updated"]
    assert any("updated" not in row.record for row in day)
    assert any(note["created"] > row.record["endTimestamp"] for row in day for note in row.record.get("notes", ()))


def test_s11_the_documented_interaction_is_found_by_each_of_its_values(rows: Rows) -> None:
    by_value = {hook["hookName"]: row["interactionId"] for row in rows for hook in attributes([row])}
    assert [by_value[value] for value in ("valueOne", "valueTwo", "1234567")] == [DOCUMENTED_ID] * 3
    assert "SIM-EMPTY" not in by_value


def test_s12_arrivals_follow_office_hours_and_rest_at_night_and_on_weekends() -> None:
    zone = ZoneInfo("US/Eastern")
    starts = [
        datetime.fromisoformat(row.start).astimezone(zone)
        for day in range(20_000, 20_014) for row in arrivals(day, 7, 12.0, "US/Eastern", QUIET.tenant_id)
    ]  # fmt: skip
    by_hour = Counter(start.hour for start in starts if start.weekday() < 5)
    assert by_hour[10] > 4 * max(by_hour[2], 1)
    by_day = Counter(start.weekday() for start in starts)
    assert by_day[6] < by_day[5] < min(by_day[weekday] for weekday in range(5)) / 2


def test_an_open_row_shows_nothing_that_has_not_come_yet() -> None:
    answered = [row for row in arrivals(20_000, 7, 12.0, "US/Eastern", QUIET.tenant_id) if row.kind == "voice-transfer"]
    for row in answered:
        for moment in row.moments():
            shown = row.at(moment)
            times = re.findall(r"\d{4}-\d\d-\d\dT[\d:.]+Z", json.dumps(shown))
            assert max(times) <= moment
            assert ("endTimestamp" in shown) == ("interactionTime" in shown) == (row.record["endTimestamp"] <= moment)


def test_the_population_ages_out_and_never_shows_the_future() -> None:
    state = SimulatorState(replace(QUIET, arrivals_per_hour=1))
    state.clock.advance(90 * DAY / 1000)
    now = state.now()
    starts = [row.start for row in state.world.rows(now) if row.kind != "documented"]
    assert stamp(now - 61 * DAY) < min(starts)
    assert max(starts) <= stamp(now)
