"""The page's pure modules, in the browser that runs them: words, freshness, conditions, counters, sources."""

from typing import Any

from tests.explorer.conftest import Explorer

ZONE, NOW = "US/Eastern", 1_795_014_000_000  # 2026-11-18T15:00:00Z
PATHS = ["", "startTimestamp", "queues", "queues.queueTime", "queues.startTimestamp", "hooks", "hooks.hookType"]
LIT = f"""(source) => {PATHS}.filter(
  origin(source, new Map([["waits", "queues[].queueTime"]]), new Set({PATHS})))"""

STATES = """[
  { is_answered: true, is_abandoned: false, count: 5 }, { is_answered: true, is_abandoned: true, count: 3 },
  { is_answered: false, is_abandoned: true, count: 4 }, { is_answered: false, is_abandoned: false, count: 4 }]"""

UNCOUNTED = "CSV and NDJSON hold all rows that match; JSON 10 at most."
CASES: dict[str, list[tuple[str, Any]]] = {
    "words.js": [
        ("duration(0)", "0 s"),
        ("duration(6.591)", "6.6 s"),
        ("duration(47.212)", "47 s"),
        ("duration(60)", "1 min"),
        ("duration(312)", "5 min 12 s"),
        ("duration(7380)", "2 h 3 min"),
        ("duration(90061)", "1 d 1 h"),
        ("duration(null)", None),
        ("clock(75)", "1:15"),
        ("clock(3661)", "1:01:01"),
        (f"moment('2026-11-18T14:52:00Z', '{ZONE}', {NOW})", "18 Nov 09:52"),
        (f"moment('2026-11-18T13:03:00Z', '{ZONE}', {NOW})", "18 Nov 08:03"),
        (f"moment('2026-11-18T04:59:00Z', '{ZONE}', {NOW})", "17 Nov 23:59"),
        (f"moment('2018-10-30T14:33:45.954Z', '{ZONE}', {NOW})", "30 Oct 2018 10:33"),
        (f"sinceMidnight(Date.parse('2026-11-18T14:22:46.500Z'), '{ZONE}')", 33766.5),
        (
            "[[5, 60], [60, 600], [14400, 1e5], [86400, 1e6]].map(([step, range]) => "
            f"mark(Date.parse('2026-11-18T14:22:46Z'), step, '{ZONE}', range))",
            ["09:22:46", "09:22", "18 Nov 09:22", "18 Nov"],
        ),
        (
            f"['15m', 'week', 'month'].map((one) => stretch(Date.parse('2026-11-16T05:00:00Z'), one, '{ZONE}')[0])",
            ["00:00\n16 Nov", "16 Nov", "Nov 2026"],
        ),
        ("bytes(1951)", "1.9 KiB"),
        ("percent(1, 0)", "–"),
    ],
    "freshness.js": [
        ("words({ ...cacheStatus('cxfacade; hit; ttl=3'), age: 12, receivedAt: 0 }, 0)", "12 s old, from the cache"),
        (
            "words({ ...cacheStatus('a; hit; ttl=-2; detail=stale-while-revalidate'), age: 12, receivedAt: 0 }, 0)",
            "12 s old, refreshed behind",
        ),
        (
            "words({ ...cacheStatus('cxfacade; fwd=uri-miss; stored'), age: 0, receivedAt: 0 }, 60000)",
            "1 min old, asked upstream",
        ),
        ("stateOf(cacheStatus('cxfacade; hit; detail=\"stale-if-error\"'))", "failing"),
        ("outcomeOf(cacheStatus('cxfacade; fwd=uri-miss; collapsed'))", "collapsed"),
        ("outcomeOf(cacheStatus(null))", "miss"),
        ("freshness(new Headers({ 'cache-control': 'private, max-age=15, stale-if-error=9', age: '12' }), 0).left", 3),
        ("freshness(new Headers({ 'cache-control': 'no-store', 'cache-status': 'cxfacade; hit; ttl=7' }), 0).left", 7),
        ("freshness(new Headers(), 0).left", None),
    ],
    "question.js": [
        ("conditionOf(' VIP ', new Map())", ["attr", "VIP"]),
        ("conditionOf('accountNumber=12=3', new Map())", ["attr.accountNumber", "12=3"]),
        ("conditionOf('accountNumber=', new Map())", ["attr_name", "accountNumber"]),
        ("conditionOf('channel_type=voice', new Map([['channel_type', {}]]))", ["channel_type", "voice"]),
        ("conditionOf('channel_type=voice', new Map())", ["attr.channel_type", "voice"]),
        ("conditionOf('format=csv', new Map([['format', {}]]))", ["attr.format", "csv"]),
        ("conditionOf('chanel_type=voice', null)", ["chanel_type", "voice"]),
        ("typed(['attr.accountNumber', '12'])", "accountNumber=12"),
        ("written([['attr', 'a b&c+ü'], ['from', 'now-7d/d']])", "attr=a%20b%26c%2B%C3%BC&from=now-7d/d"),
        ("read('?attr=a+b&_=1')", [["attr", "a b"]]),
    ],
    "summaries.js": [
        (
            "[3, 60, 61, 1500, 60000].map((hours) => stepOf(0, hours * 3600000))",
            ["15m", "hour", "hour", "week", "month"],
        ),
        (
            "waits([['queue_seconds.lt', '60'], ['queue_seconds.gte', '15']]).map(({ lower }) => lower)",
            [15, 20],
        ),
        ("waits([]).at(-1).more", [["queue_seconds.gte", "300"], ["queue_seconds.lt", None]]),
        (
            "conditions([['attr', 'a'], ['sort', 'x'], ['pii', 'clear'], ['limit', '3']])",
            [["attr", "a"], ["pii", "clear"]],
        ),
        (f"states({STATES}, [{{ is_answered: true, is_abandoned: false, count: 2 }}])", [3, 7, 2, 4]),
        ("channels([{ channel_type: 'a', count: 2 }, { channel_type: 'b', count: 3 }])[0].count", 3),
        ("channels([2, 3].map((count) => ({ channel_type: null, count })))[0].count", 5),
    ],
    "bars.js": [("[1, 3, 10, 120, 545].map(rounded)", [1, 5, 10, 200, 1000])],
    "cells.js": [
        (
            "waited({ queues: [{ time_to_answer_seconds: null, queue_seconds: 9.5 }, { queue_seconds: 1 }] }).words",
            "9.5 s in the first queue, unanswered",
        ),
        ("waited({ queues: [{ entered_at: '2026-11-18T14:00:00Z', left_at: '2026-11-18T14:00:07Z' }] }).seconds", 7),
        (
            "[waited({ queues: [] }), waited({ queues: [{ entered_at: '2026-11-18T14:00:00Z', left_at: null }] })]",
            [None, None],
        ),
    ],
    "picker.js": [
        ("offering(' ', new Map())", {"name": None, "source": None, "begun": " "}),
        ("offering('acc', new Map()).source === SOURCES.attribute", True),
        ("offering('direction=in', new Map([['direction', 1]]))", {"name": "direction", "source": None, "begun": "in"}),
        *(
            (
                f"offering('{typed}', new Map([['direction', 1]]))",
                {
                    "name": "tier",
                    "source": {"grain": "interaction-attributes", "by": ["value"], "more": [["name", "tier"]]},
                    "begun": begun,
                },
            )
            for typed, begun in (("tier=", ""), (" attr.tier = a=b", "a=b"))
        ),
        (
            "asking(SOURCES.flow_id, [['attr', 'a'], ['from', 'now-7d']], 'ma', 20)",
            [
                ["from", "now-7d"],
                ["flow_name.prefix", "ma"],
                ["by", "flow_id,flow_name"],
                ["measures", "count"],
                ["sort", "-count"],
                ["limit", "20"],
            ],
        ),
    ],
    "spans.js": [
        ("ticks(0, 222, 4, 33766)", {"marks": [14, 74, 134, 194], "step": 60}),
        ("ticks(-5, 1, 3)", {"marks": [-4, -2, 0], "step": 2}),
    ],
    "exposition.js": [
        ("total(samples('a_total{x=\"1\"} 2\\na_total{x=\"2\"} 3.5e1\\n').found, 'a_total')", 37),
        ("total(samples('# HELP b words\\nb{le=\"+Inf\"} 4 1700000000\\nnonsense\\n{} x\\nc NaN').found, 'b')", 4),
        ("total([], 'b')", None),
    ],
    "record.js": [
        (
            "origins('Σ queues[].queueTime', [{ name: 'notes', fields: [] }, { name: 'queues', fields: ["
            "{ name: 'queue_seconds', source: 'queueTime' }, { name: 'is_long', source: 'queueTime, slaTime' }] }])",
            {"lists": ["queues"], "fields": ["queue_seconds"]},
        ),
        ("origins('customerHoldTime', [{ name: 'queues', fields: [] }])", {"lists": [], "fields": []}),
        (
            "origins('last details.agents[].dispositionName', [{ name: 'agents', fields: [] }]).lists",
            [],
        ),
    ],
    "raw.js": [
        (
            "lines({ a: [], b: [{ c: 1.5 }, null] }).map(({ text }) => text).join('')",
            '{  "a": [],  "b": [    {      "c": 1.5    },    null  ]}',
        ),
        (f"({LIT})('Σ queues[].queueTime')", ["queues.queueTime"]),
        (f"({LIT})('queues[].queueName by startTimestamp')", ["queues.startTimestamp"]),
        (f"({LIT})('startTimestamp')", ["startTimestamp"]),
        (f"({LIT})('ivrTime ?? first queue start − started')", ["startTimestamp", "queues.startTimestamp"]),
        (f"({LIT})('length of queues')", ["queues", "queues.queueTime", "queues.startTimestamp"]),
        (f"({LIT})('hookName of the latest entry with this hookType')", ["hooks.hookType"]),
        (f"({LIT})('waits > 0')", ["queues.queueTime"]),
        (f"({LIT})('the whole record').length", 7),
        (f"({LIT})('dispositionName ?? last details.agents[].dispositionName')", []),
    ],
    "renewal.js": [
        ("pause({ left: 40 })", 41),
        ("pause({ left: 0 })", 5),
        ("pause({ left: -100 })", 5),
        ("pause({ left: 10, pages: 21 })", 21),
        ("[1, 2, 3].map((stale) => pause({ left: -1, stale }))", [1, 2, 4]),
        ("[4, 5, 9].map((stale) => pause({ left: -1, stale }))", [5, 10, 60]),
        ("[1, 2, 3, 4, 5, 99].map((failures) => pause({ failures }))", [5, 10, 20, 40, 60, 60]),
        ("pause({ failures: 1, retryAfter: 300 })", 300),
    ],
    "snippets.js": [
        ("beyond(2, 3)", "; 3 match"),
        ("beyond(3, 3)", ""),
        ("beyond(2, null)", "; how many match is not known"),
        ("beyond(2, undefined)", ""),
        ("whole([['limit', '3']], 10)", [["limit", "3"]]),
        ("whole([], 10)", [["limit", "10"]]),
        ("whole([], null)", []),
    ],
    "share.js": [
        ("held([], 10, 3)", "CSV and NDJSON hold all 3 rows, JSON too."),
        ("held([['attr', 'a']], 10, 11)", "CSV and NDJSON hold all 11 rows; JSON 10 at most."),
        *((f"held([], 10, {total})", UNCOUNTED) for total in ("null", "undefined")),
        ("held([['sort', 'duration_seconds']], 10, 11)", "A file holds 10 rows at most; 11 match."),
        ("held([['limit', '2']], 10, 3)", "A file holds 2 rows at most; 3 match."),
        (
            "files([['limit', '2']], 10).map(({ url }) => /limit=\\w+/.exec(url)[0])",
            ["limit=2", "limit=2", "limit=2", "limit=2"],
        ),
        (
            "files([], 10).map(({ url }) => /limit=\\w+/.exec(url)[0])",
            ["limit=all", "limit=all", "limit=all", "limit=10"],
        ),
    ],
    "sorting.js": [
        ("nextSort('-started_at', 'duration_seconds', 'float')", "-duration_seconds"),
        ("nextSort('-duration_seconds', 'duration_seconds', 'float')", "duration_seconds"),
        ("nextSort('-started_at', 'first_queue_name', 'string')", "first_queue_name"),
        (
            "ordered([1, null, 3].map((n) => ({ n, interaction_id: String(n) })), '-n').map(({ n }) => n)",
            [3, 1, None],
        ),
    ],
}


def test_modules_say_what_they_should(explorer: Explorer) -> None:
    explorer.open()
    for module, cases in CASES.items():
        names = explorer.page.evaluate(f"import('./explorer/{module}').then((all) => Object.keys(all).join(', '))")
        for expression, wanted in cases:
            called = f"import('./explorer/{module}').then(({{ {names} }}) => ({expression}))"
            assert explorer.page.evaluate(called) == wanted, expression
