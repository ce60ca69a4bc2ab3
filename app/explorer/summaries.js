// The figures of the overview: summaries of all that the question asks for, counted by the service.
import { Refusal, keyOf, patiently } from "./api.js";
import { useEffect, useReducer } from "./parts.js";
import { shared, valueOf, withAll, written } from "./question.js";

const NO_CONDITIONS = new Set(["fields", "sort", "limit", "offset", "changed_since"]);
const MOST_BARS = 62;
const STEPS = [
  ["15m", 900],
  ["30m", 1800],
  ["hour", 3600],
  ["day", 86_400],
  ["week", 604_800],
  ["month", 2_678_400],
];
const WAITS = [10, 20, 60, 300]; // seconds: the bounds of the histogram's bars
const ENTRIES =
  "offered_count,answered_count,abandoned_count,abandon_rate,service_level,average_speed_of_answer_seconds";

/** The question without what says how a list is shown. */
export const conditions = (pairs) => shared(pairs).filter(([name]) => !NO_CONDITIONS.has(name));

/** The finest step of a summary's `interval` by which a range, in milliseconds, has no more than MOST_BARS of them. */
export function stepOf(from, to) {
  const fits = ([, seconds]) => to - from <= 1000 * seconds * MOST_BARS;
  return (STEPS.find(fits) ?? STEPS.at(-1))[0];
}

/** Conditions that part the waits of a question, each with its bounds in seconds: within those it has itself. */
export function waits(pairs) {
  const least = Number(valueOf(pairs, "queue_seconds.gte") ?? 0);
  const most = Number(valueOf(pairs, "queue_seconds.lt") ?? Infinity);
  const bounds = [least, ...WAITS.filter((bound) => bound > least && bound < most), most];
  return bounds.slice(1).map((upper, place) => ({
    lower: bounds[place],
    upper,
    more: [
      ["queue_seconds.gte", String(bounds[place])],
      ["queue_seconds.lt", upper === Infinity ? null : String(upper)],
    ],
  }));
}

/** Groups with their measures, and the totals of all; or why there are none: { rows, totals, meta } or { problem }. */
async function summary(grain, pairs, asked, signal) {
  try {
    const { body } = await patiently(`${grain}/summary`, [...pairs, ...Object.entries(asked)], signal);
    return { rows: body.items, totals: body.meta.totals, meta: body.meta };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { problem: error.problem };
  }
}

/** All figures of a question: the first summary alone, which takes the snapshot that the others are counted from. */
async function figures(pairs, signal) {
  const measures = "count,p50:queue_seconds,p90:queue_seconds,min:started_at,max:started_at";
  const states = { by: "is_answered,is_abandoned,sla_outcome,channel_type", measures: "count" };
  const all = await summary("interactions", pairs, { ...states, measures }, signal);
  if (all.problem || !all.totals.count) return { all };
  const { from, to } = all.meta.query;
  const first = Date.parse(from ?? all.totals.min_started_at);
  const interval = stepOf(first, Date.parse(to ?? (from ? all.meta.as_of : all.totals.max_started_at)));
  const counts = "count,abandoned_count";
  const bins = all.totals.p50_queue_seconds === null ? [] : waits(pairs);
  const open = valueOf(pairs, "ended_at.null");
  const [opened, queues, times, ...waited] = await Promise.all([
    open === null ? summary("interactions", [...pairs, ["ended_at.null", "true"]], states, signal) : null,
    summary("queue-entries", pairs, { by: "queue_name", measures: ENTRIES, sort: "-offered_count" }, signal),
    summary(
      "interactions",
      pairs,
      { interval, fill: "zero", measures: `${counts},sum:is_sla_met,sum:is_sla_eligible` },
      signal,
    ),
    ...bins.map(({ more }) => summary("interactions", withAll(pairs, more), { measures: counts }, signal)),
  ]);
  const none = { rows: [] };
  const known = opened ?? (open === "true" ? all : none);
  return { all, open: known.problem ? none : known, queues, times, interval, waits: bins, waited };
}

/** How many rows the groups have that pass a test. */
export const sum = (rows, test) => rows.filter(test).reduce((all, row) => all + row.count, 0);

/** How many were answered, were abandoned, are open, and ended otherwise; `open` are the groups that have not ended. */
export function states(all, open) {
  const ended = (test) => sum(all, test) - sum(open, test);
  const isServed = (row) => row.is_answered && !row.is_abandoned;
  const isLeft = (row) => row.is_abandoned;
  return [ended(isServed), ended(isLeft), sum(open, () => true), ended((row) => !isServed(row) && !isLeft(row))];
}

/** Groups by channel, the most frequent first, of groups by more. */
export function channels(rows) {
  const found = Map.groupBy(rows, (row) => row.channel_type);
  return [...found]
    .map(([channel, its]) => ({
      channel_type: channel,
      count: sum(its, () => true),
      abandoned_count: sum(its, (row) => row.is_abandoned),
    }))
    .sort((one, other) => other.count - one.count);
}

let latest = { key: null, question: null, known: null };

/**
 * The figures of a question as of the answer with this `meta`, and a way to count again: the former ones while they are
 * counted anew, null before the first. Kept, unless they are a refusal, until the answer or the question is another.
 */
export function useFigures(pairs, meta) {
  const [turn, again] = useReducer((before) => before + 1, 0);
  const [, counted] = useReducer((before) => before + 1, 0);
  const asked = conditions(pairs);
  const question = `${keyOf()} ${written(asked)}`;
  const key = meta && `${question} ${meta.as_of}`;
  useEffect(() => {
    if (!key || latest.key === key) return;
    const abort = new AbortController();
    const count = async () => {
      try {
        const known = await figures(asked, abort.signal);
        latest = { key: known.all.problem ? null : key, question, known };
        counted();
      } catch (error) {
        if (error.name !== "AbortError") throw error;
      }
    };
    count();
    return () => abort.abort();
  }, [key, turn]);
  return [latest.question === question ? latest.known : null, again];
}
