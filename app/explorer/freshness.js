// How old an answer is and why it was given: Age (RFC 9111 §5.1) and Cache-Status (RFC 9211) in words.
import { duration } from "./words.js";

/** The parameters of the one member that the façade sends. */
export function cacheStatus(field) {
  const found = { hit: false, stored: false, collapsed: false, fwd: null, ttl: null, detail: null };
  for (const part of (field ?? "").split(";").slice(1)) {
    const [name, value] = part.trim().split("=");
    if (name in found)
      found[name] = value === undefined ? true : name === "ttl" ? Number(value) : value.replace(/"/g, "");
  }
  return found;
}

/**
 * The facts of an answer, from its headers; `receivedAt` in milliseconds. `left`: seconds of freshness, by max-age − Age
 * (RFC 9111 §4.2), or by ttl where no cache may store it; null where neither is said.
 */
export function freshness(headers, receivedAt) {
  const status = cacheStatus(headers.get("cache-status"));
  const age = Number(headers.get("age") ?? 0);
  const maxAge = /\bmax-age=(\d+)/.exec(headers.get("cache-control") ?? "");
  return { ...status, age, receivedAt, left: maxAge ? Number(maxAge[1]) - age : status.ttl };
}

/** fresh, stale (refreshed behind) or failing (upstream could not be asked). */
export function stateOf({ detail }) {
  if (detail === "stale-if-error") return "failing";
  return detail ? "stale" : "fresh";
}

/** One of hit, stale, collapsed, miss: for counting. */
export function outcomeOf(status) {
  if (status.detail) return "stale";
  if (status.hit) return "hit";
  return status.collapsed ? "collapsed" : "miss";
}

export const ageOf = (known, now) => Math.max(0, known.age + (now - known.receivedAt) / 1000);

const WHY = {
  "stale-while-revalidate": "refreshed behind",
  "stale-if-error": "upstream fails",
  "stale-snapshot": "the snapshot of this walk",
};

/** "12 s old, refreshed behind" */
export function words(known, now) {
  const age = ageOf(known, now);
  const old = age < 1.5 ? "just now" : `${duration(Math.round(age))} old`;
  const why = known.detail ? (WHY[known.detail] ?? known.detail) : known.hit ? "from the cache" : "asked upstream";
  return `${old}, ${why}`;
}
