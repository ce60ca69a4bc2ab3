"""The table of columns, and the columns that settings add."""

import re

import pytest

from app.errors import SettingsError
from app.interactions.columns import COLUMNS, Column, reader, slug, with_attributes
from app.interactions.settling import ATTRIBUTE
from app.simulator.kinds import example
from tests.interactions.expected import KINDS
from tests.interactions.records import facts, made, row

BY_NAME = {column.name: column for column in COLUMNS}


def test_names_are_unique_and_say_their_type() -> None:
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    endings = {"_at": "time", "_on": "date", "_seconds": "float", "_count": "int"}
    for column in COLUMNS:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", column.name)
        wanted = "bool" if column.name.startswith("is_") else endings.get("_" + column.name.rpartition("_")[2])
        assert wanted in (None, column.type), column.name


def test_flags_are_never_null() -> None:
    assert [column.name for column in COLUMNS if column.type == "bool" and column.nullable] == []


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("accountNumber", "accountnumber"),
        ("Account No.", "account_no"),
        ("  VIP  ", "vip"),
        ("Größe", "grosse"),
        ("a--b__c", "a_b_c"),
        ("_x_", "x"),
        ("客户", ""),
    ],
)
def test_a_slug_is_lower_case_with_single_underscores(name: str, own: str) -> None:
    assert slug(name) == own


def test_attribute_columns_stand_behind_the_count_in_the_order_of_the_settings() -> None:
    names = [column.name for column in with_attributes(["VIP", "accountNumber ", "VIP "])]
    place = names.index("attribute_count")
    assert names[place : place + 4] == ["attribute_count", "attr_vip", "attr_accountnumber", "sla_outcome"]
    assert len(names) == len(COLUMNS) + 2
    assert with_attributes([]) == COLUMNS


def test_names_that_would_share_a_column_or_give_none_are_all_named_by_their_places() -> None:
    with pytest.raises(SettingsError) as caught:
        with_attributes(["Account No", "x", "account-no", "客户", "ACCOUNT_NO"])
    assert caught.value.faults == (
        "CXF_ATTRIBUTES: names 1 and 3 would share one column, keep one of them",
        "CXF_ATTRIBUTES: name 4 needs a letter a–z or a digit, to be a column's name",
        "CXF_ATTRIBUTES: names 1 and 5 would share one column, keep one of them",
    )


def written(value: str | None, time: str | None = None, name: str = "VIP ") -> dict[str, str | None]:
    stamp = time and f"2026-03-02T15:00:{time}.000Z"
    return {"hookType": name, "hookName": value, "hookSubType": ATTRIBUTE, "timestamp": stamp}


@pytest.mark.parametrize(
    ("entries", "shown"),
    [
        ([], None),
        ([written("gold", "01")], "gold"),
        ([written("gold", "02"), written("silver", "01")], "gold"),
        ([written("gold", "02"), written("silver", "03", "VIP")], "silver"),
        ([written("gold", "02"), written("silver")], "gold"),
        ([written("gold", "01"), written("", "02")], ""),
        ([written("gold", "01"), written(None, "02")], None),  # a later write without value: not set
        ([written("gold", "01"), written("silver", "01")], "silver"),  # in one millisecond the later in the list
        ([written("silver", "01"), written("gold", "01")], "gold"),
        ([written("gold", "01"), written(None, "01")], None),
        ([written(None, "01"), written("gold", "01")], "gold"),
        ([written("gold", "02"), written(None)], "gold"),
        ([written("gold", "01"), written("silver", "02", "vip")], "gold"),  # names are case-sensitive
        ([written("4111 1111 1111 1111", "01")], "**** **** **** 1111"),
    ],
)
def test_an_attribute_column_shows_the_latest_value(entries: list[dict[str, str]], shown: str | None) -> None:
    assert row(made(interactionAttributes=entries), columns=with_attributes(["VIP"]))["attr_vip"] == shown
    assert row(made(hooks=entries), columns=with_attributes([" VIP"]))["attr_vip"] == shown


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_holds_the_value_of_each_column_in_their_order(kind: str) -> None:
    columns = with_attributes(["accountNumber", "VIP"])[::-1]
    found = facts(example(kind))
    assert reader(columns)(found) == tuple(column.value(found) for column in columns)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_one_column_alone_gives_a_row_of_one_value(column: Column) -> None:
    found = facts(example("voice-transfer"))
    assert reader([column])(found) == (column.value(found),)


def test_columns_may_repeat_and_there_may_be_none() -> None:
    found = facts(example("voice-transfer"))
    columns = [BY_NAME[name] for name in ("direction", "tenant_id", "direction", "tenant_id")]
    assert reader(columns)(found) == ("inbound", found.interaction.tenant_id) * 2
    assert reader([])(found) == ()
