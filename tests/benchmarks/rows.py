"""The table: DESIGN section 6, line by line, a day of dashboards, and how cost grows."""

from tests.benchmarks import answers, day, earlier, growth, held, hits, memory, misses, shared, stall, summaries
from tests.benchmarks.row import Row, Target

ORDINARY = Target("≥", 0.25)  # of a bare application sending the same bytes, for what no replay may answer
FLAT = Target("≥", 0.8)  # of the smallest size's ratio to a bare application: what three short rounds can tell

ROWS = (
    Row("hit-bare", "hit, one core, against bare ASGI sending the same bytes", Target("≥", 3), hits.against_bare),
    Row("hit-route", "hit against a FastAPI route returning Response(bytes)", Target("≥", 3), hits.against_route),
    Row("hit-nginx", "hit against nginx proxy_cache", Target("≥", 0.9), hits.against_nginx),
    Row("304", "304 against bare ASGI sending the same 304", Target("≥", 3), hits.not_modified),
    Row("hit-quota", "hit of a key with a quota against bare ASGI", Target("≥", 2), hits.with_quota),
    Row("hit-origin", "hit of another origin's page", ORDINARY, hits.of_another_origin),
    Row("hit-max-age", "hit with max-age", ORDINARY, hits.with_max_age),
    Row("304-any", "304 by If-None-Match: *", ORDINARY, hits.any_not_modified),
    Row("hit-csv", "CSV of a stored snapshot", ORDINARY, hits.as_csv),
    Row(
        "page",
        "page of 1,000 records → JSON answer, against the commit before",
        Target("≤", 0.55),
        earlier.page_to_answer,
    ),
    Row("refresh", "refresh of an unchanged page of 1,000, against orjson.loads", Target("≤", 0.6), earlier.refresh),
    Row("miss-10", "processor time of a miss of 10 rows, whole process", Target("≤", 4, "ms"), misses.few),
    Row("miss-1000", "likewise of 1,000 rows, against the commit before", Target("≤", 0.65), misses.many),
    Row("crowd", "upstream fetches for 1,000 simultaneous cold clients", Target("=", 1), misses.crowd),
    Row("interaction", "memory per cached interaction against its JSON", Target("≤", 0.15), memory.of_an_interaction),
    Row("full", "process growth at a full cache against CXF_CACHE_BYTES", Target("≤", 1.3), memory.when_full),
    Row("export", "process growth while a long answer is streamed", Target("≤", 64, "MiB"), memory.of_an_export),
    Row("ready", "ready after start, upstream and tier down or up", Target("≤", 2, "s"), misses.ready),
    Row("stall", f"longest stall while {stall.MEGABYTES} MB come in", Target("≤", 20, "ms"), stall.loop),
    Row("stall-hits", "hits on the same process meanwhile, 99th percentile", Target("≤", 50, "ms"), stall.hits),
    Row(
        "stall-answers",
        "longest stall of answers of 10,000 rows: formats × codings, cold and stored",
        Target("≤", 50, "ms"),
        answers.stalls,
    ),
    Row("stall-held", "longest stall of answers from many rows that are held", Target("≤", 50, "ms"), held.stalls),
    Row("summary-first", "summary of 100,000 held rows, processor time", Target("≤", 1_500, "ms"), summaries.first),
    Row("summary-turn", "likewise: longest turn", Target("≤", 20, "ms"), summaries.turns),
    Row("summary-again", "likewise: after one changed hour", Target("≤", 60, "ms"), summaries.again),
    Row("summary-merge", "likewise: to merge a hundred tallies", Target("≤", 40, "ms"), summaries.merge),
    Row("summary-size", "likewise: bytes of tallies against those of the records", Target("≤", 0.05), summaries.size),
    Row("day", "a day of dashboards: rows upstream sends for each distinct row", Target("≤", 4), day.rows_per_row),
    Row("day-shared", "likewise, three processes with a tier, one replaced a minute", Target("≤", 4), day.shared_rows),
    Row("day-calls", "likewise: calls to upstream, against the commit before", Target("≤", 0.6), day.calls),
    Row("day-304", "likewise: polls that bring nothing new answered with 304", Target("≥", 0.95), day.not_modified),
    Row("workers", "misses of 10 rows a second, two workers against one", Target("≥", 1.7), shared.workers),
    Row("tier-hit", "1,000 rows from the shared tier, before they are unpacked", Target("≤", 2, "ms"), shared.hit),
    Row("tier-miss", "processor time that the tier adds to a miss", Target("≤", 2, "ms"), shared.cost),
    Row("growth-stored", "hits as stored answers grow, worst against first", FLAT, growth.stored_answers),
    Row("growth-rows", "hits as rows per answer grow, worst against first", FLAT, growth.rows_per_answer),
    Row("growth-clients", "hits as clients grow, worst against first", FLAT, growth.clients),
)
