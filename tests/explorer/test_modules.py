"""The page's pure modules, in the browser that runs them: words, freshness, conditions, counters, sources."""

from typing import Any

from tests.explorer.conftest import Explorer

ZONE, NOW = "US/Eastern", 1_795_014_000_000  # 2026-11-18T15:00:00Z
PATHS = ["", "startTimestamp", "queues", "queues.queueTime", "queues.startTimestamp", "hooks", "hooks.hookType"]
LIT = f"""(source) => {PATHS}.filter(
  origin(source, new Map([["waits", "queues[].queueTime"]]), new Set({PATHS})))"""

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
