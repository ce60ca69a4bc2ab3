"""Every problem a client can meet, as a table; OpenAPI and the pages at `/problems/` walk it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of PROBLEMS."""

    slug: str  # the code of the error, and the last part of `type`
    status: int
    retry_after_seconds: int | None  # None: trying again changes nothing. An error may name a time of its own
    title: str
    explanation: str  # for people: what it means and what to do

    @property
    def retryable(self) -> bool:
        """Whether the same request may work later."""
        return self.retry_after_seconds is not None


# fmt: off
# A row reads as a row: name and numbers, then the words.
PROBLEMS = (
    Problem("upstream-unreachable", 503, 5, "Upstream cannot be reached",
            "The reporting service refused the connection or has no route to it. Try again shortly."),
    Problem("upstream-dns", 503, 5, "Upstream's name does not resolve",
            "The name of the reporting service could not be looked up. Try again; if it lasts, tell the operator."),
    Problem("upstream-reset", 503, 2, "Upstream closed the connection",
            "The reporting service broke off before it had answered. Try again."),
    Problem("upstream-error", 503, 2, "Upstream failed",
            "The reporting service reported an error of its own. Try again."),
    Problem("upstream-unavailable", 503, 5, "Upstream is unavailable",
            "The reporting service is down or overloaded for the moment. Try again after the time given."),
    Problem("upstream-throttled", 503, 5, "Upstream asked for a pause",
            "The reporting service limits how often it may be asked. Try again after the time given."),
    Problem("upstream-busy", 503, 1, "All calls to upstream are taken",
            "As many questions as allowed are being asked already. Try again in a moment."),
    Problem("upstream-circuit-open", 503, 5, "Upstream is left alone to recover",
            "The reporting service failed repeatedly and is not asked for a while. Try again after the time given."),
    Problem("upstream-timeout", 504, 5, "Upstream took too long",
            "The reporting service did not answer in time. Try again, or ask for a shorter time range."),
    Problem("still-fetching", 504, 2, "Still fetching",
            "The answer takes longer than one request may wait; fetching goes on. Send the same request again soon."),
    Problem("rate-limited", 429, 60, "Too many requests",
            "This key or address used up its quota, or failed to sign in too often. Wait the time given."),
    Problem("overloaded", 503, 1, "Too busy",
            "The service is refusing some requests to keep the others quick. Try again in a moment."),
    Problem("upstream-bad-answer", 502, None, "Upstream's answer cannot be read",
            "What the reporting service sent was cut short or cannot be decoded. Tell the operator if it lasts."),
    Problem("upstream-shape", 502, None, "Upstream's answer has an unknown form",
            "The reporting service answered in a form this version does not know. Tell the operator."),
    Problem("upstream-tls", 502, None, "Upstream's certificate is not acceptable",
            "The connection to the reporting service could not be made safe, so nothing was asked. Tell the operator."),
    Problem("upstream-redirect", 502, None, "Upstream pointed elsewhere",
            "The reporting service answered with a redirect, which is never followed. Tell the operator."),
    Problem("upstream-auth", 502, None, "Upstream refuses our credentials",
            "The credentials held on the server no longer work; yours are not at fault. Tell the operator."),
    Problem("upstream-forbidden", 502, None, "Upstream denies this data",
            "The account held on the server may not read this tenant or these records. Tell the operator."),
    Problem("upstream-unknown-tenant", 502, None, "Upstream does not know the tenant",
            "The configured tenant does not exist at the reporting service. Tell the operator."),
    Problem("upstream-refused-query", 502, None, "Upstream refused the query",
            "The reporting service refused what your parameters were turned into. Try other filters."),
    Problem("upstream-too-large", 502, None, "Upstream's answer is too large",
            "The answer is over the size that may be fetched at once. Narrow the time range or add filters."),
    Problem("upstream-wrong-tenant", 502, None, "Upstream answered for another tenant",
            "The answer named a tenant that was not asked about and was thrown away. Tell the operator."),
    Problem("not-stored", 504, None, "Not stored",
            "You asked for a stored answer only (only-if-cached); there is none. Ask without it to have it fetched."),
    Problem("bad-request", 400, None, "Malformed request",
            "The request is not valid HTTP, has an underscore in a header name, or carries two credentials."),
    Problem("bad-target", 400, None, "Malformed URL",
            "Percent-encode what is not ASCII, in the path and in the query: é is %C3%A9. "
            "The path must start with one slash and hold no semicolon, encoded slash or dot segment."),
    Problem("bad-host", 400, None, "Unknown host",
            "The Host header is missing, doubled or not one this service answers to. The operator keeps the list."),
    Problem("body-not-allowed", 400, None, "Body not allowed",
            "GET and HEAD take no body here. Put everything into the query string."),
    Problem("unknown-parameter", 400, None, "Unknown parameter",
            "A query parameter has an unknown name; a misspelt filter would return everything. Correct the name."),
    Problem("duplicate-parameter", 400, None, "Parameter given twice",
            "A query parameter that takes one value was given more than once. Give it once."),
    Problem("invalid-parameter", 400, None, "Invalid parameter",
            "A query parameter has a value out of range or malformed. The errors listed say which, and what it takes."),
    Problem("key-in-query", 400, None, "Key in the query string",
            "A key in a URL ends up in logs and histories. Replace it, and send the new one in a header."),
    Problem("sort-needs-complete-result", 400, None, "Order needs the whole result",
            "Only the order by start works on results larger than one answer. Narrow the time range, or drop `sort`."),
    Problem("cursor-mismatch", 400, None, "Cursor of another query",
            "The cursor was made for other parameters. Send it with the parameters it came with, or start without it."),
    Problem("cursor-expired", 410, None, "Cursor expired",
            "The snapshot that this cursor walks through is no longer kept. Start again without the cursor."),
    Problem("unauthorized", 401, None, "Key needed",
            "There is no valid key in the request. Send `Authorization: Bearer <key>` or `X-API-Key: <key>`."),
    Problem("forbidden", 403, None, "Not allowed",
            "The key is valid but lacks the scope this needs. Ask the operator for one that has it."),
    Problem("not-found", 404, None, "Not found",
            "There is no such path or interaction. Check its spelling."),
    Problem("method-not-allowed", 405, None, "Method not allowed",
            "This path does not take that method. The Allow header lists those it takes."),
    Problem("body-too-large", 413, None, "Body too large",
            "The body is over 64 KiB. Send less."),
    Problem("target-too-long", 414, None, "URL too long",
            "The path with its query is over 8 KiB. Use fewer or shorter parameters."),
    Problem("unsupported-media-type", 415, None, "Unsupported media type",
            "Administrative calls take JSON only. Send `Content-Type: application/json`."),
    Problem("range-not-satisfiable", 416, None, "Range not satisfiable",
            "The range starts past the end of the answer. Content-Range says how long the answer is."),
    Problem("headers-too-large", 431, None, "Headers too large",
            "The request's headers are over 32 KiB together. Send fewer or shorter ones."),
    Problem("internal-error", 500, None, "Our mistake",
            "Something went wrong here, not with your request. Tell the operator the request id."),
)
# fmt: on

BY_SLUG = {row.slug: row for row in PROBLEMS}
