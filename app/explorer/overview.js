// The question at a glance: all that it asks for, counted by the service; every bar leads to its rows.
import { Bars, Lead, Legend, Stack } from "./bars.js";
import { Icon } from "./icons.js";
import { html } from "./parts.js";
import { Problem } from "./problem.js";
import { withAll } from "./question.js";
import { Empty } from "./states.js";
import { channels, conditions, states, sum, useFigures } from "./summaries.js";
import { Age } from "./toolbar.js";
import { clock, count, duration, percent, stretch } from "./words.js";

const ENDED = ["ended_at.null", "false"];
const STATES = [
  { words: "answered", tone: "accent", more: [["is_answered", "true"], ["is_abandoned", "false"], ENDED] },
  { words: "abandoned", tone: "bad", more: [["is_abandoned", "true"], ENDED] },
  { words: "open", tone: "open", more: [["ended_at.null", "true"]] },
  { words: "others", tone: "other", more: [["is_answered", "false"], ["is_abandoned", "false"], ENDED] },
];
const LEVELS = [
  { words: "met", tone: "good", more: [["sla_outcome", "met"]] },
  { words: "missed", tone: "warn", more: [["sla_outcome", "missed"]] },
  { words: "not counted", tone: "other", more: [["sla_outcome", "excluded"]] },
];
const ABANDONED = [
  ["others", "accent"],
  ["abandoned", "bad"],
];

export function Overview({ result, pairs, onAsk, onRows, onRefresh, onShare }) {
  const [known, again] = useFigures(pairs, result.meta);
  if (!result.meta || (result.problem && !result.rows.length)) return null;
  if (!known) return html`<p class="muted" role="status">Counting …</p>`;
  const { all } = known;
  if (all.problem) return html`<${Problem} problem=${all.problem} onRetry=${again} />`;
  if (!all.totals.count) return html`<${Empty} pairs=${pairs} onAsk=${onAsk} />`;
  const given = { known, pairs: conditions(pairs), onRows, zone: all.meta.time_zone };
  return html`
    <div class="computed"><p class="basis muted">Counted from all ${count(all.totals.count)} interactions of this
      question; a bar leads to its rows.</p><${Age} result=${result} onRefresh=${onRefresh} />
      <button type="button" onClick=${onShare}><${Icon} name="code" />Use elsewhere</button></div>
    <${Tiles} ...${given} />
    <${Volume} ...${given} />
    <${Level} ...${given} />
    <div class="halves"><${Queues} ...${given} /><${Channels} ...${given} /></div>
    <${Waits} ...${given} />`;
}

function Tiles({ known, pairs, onRows }) {
  const { rows, totals } = known.all;
  const levels = ["met", "missed", "excluded"].map((outcome) => sum(rows, (row) => row.sla_outcome === outcome));
  const [met, missed] = levels;
  const entries = known.queues.totals;
  const [half, most] = [totals.p50_queue_seconds, totals.p90_queue_seconds];
  const given = { pairs, onRows };
  return html`<div class="tiles">
    <${Tile} words="Interactions" value=${count(totals.count)} ...${given}
      parts=${STATES} numbers=${states(rows, known.open.rows)} />
    <${Tile} words="Service level" value=${percent(met, met + missed)} note="of first queue entries"
      ...${given} parts=${LEVELS} numbers=${levels} />
    <${Tile} words="Speed of answer" value=${duration(entries?.average_speed_of_answer_seconds) ?? "–"}
      note="average of answered queue entries" />
    <${Tile} words="Abandon rate" value=${entries ? share(entries.abandon_rate) : "–"}
      note=${entries ? of(entries.abandoned_count, entries.offered_count) : "not known"} />
    <${Tile} words="Half waited at most" value=${duration(half) ?? "–"}
      note=${half === null ? "none was queued" : `90 % at most ${duration(most)}, in queues`} />
  </div>`;
}

function Tile({ words, value, note, parts, numbers, pairs, onRows }) {
  const shown = (parts ?? []).map((part, place) => ({ ...part, number: numbers[place] })).filter(({ number }) => number);
  const most = shown.reduce((all, { number }) => all + number, 0);
  return html`<section class="tile" aria-label=${words}><h2>${words}</h2><p class="value">${value}</p>
    ${note && html`<p class="muted">${note}</p>`}
    ${
      parts &&
      html`<${Stack} most=${most} parts=${shown.map((part) => [part.words, part.tone, part.number])} />
      <ul class="parts">${shown.map(({ words: name, tone, number, more }) => html`<li key=${name}>
        <i class="swatch ${tone}"></i><${Lead} pairs=${withAll(pairs, more)} onRows=${onRows}>${count(number)} ${name}<//>
        </li>`)}</ul>`
    }</section>`;
}

const of = (part, whole) => `${count(part)} of ${count(whole)} queue entries`;

/** A ratio of the API as a percentage. */
const share = (ratio) => (ratio === null ? "–" : percent(ratio, 1));

const STEP = { "15m": "a quarter of an hour", "30m": "half an hour", hour: "an hour" };
const stepWords = (interval) => STEP[interval] ?? `a ${interval}`;

/** The bars of a summary by interval; the first and the last end where the question does. */
function intervals({ times, interval }, pairs, zone, numbers, more = []) {
  const { from, to } = times.meta.query;
  return times.rows.map((row) => {
    const start = Date.parse(row.interval_start);
    const end = start + 1000 * row.interval_seconds;
    const range = [
      ["from", new Date(Math.max(start, from ? Date.parse(from) : start)).toISOString()],
      ["to", new Date(Math.min(end, to ? Date.parse(to) : end)).toISOString()],
    ];
    const [tick, words] = stretch(start, interval, zone);
    return { key: row.interval_start, words, tick, numbers: numbers(row), pairs: withAll(pairs, [...range, ...more]) };
  });
}

function Volume({ known, pairs, onRows, zone }) {
  const title = `Interactions, a bar is ${stepWords(known.interval)}`;
  if (known.times.problem) return html`<${Refused} title=${title} problem=${known.times.problem} />`;
  const bars = intervals(known, pairs, zone, (row) => [row.count - row.abandoned_count, row.abandoned_count]);
  return html`<${Bars} title=${title} parts=${ABANDONED} bars=${bars} onRows=${onRows} />`;
}

function Level({ known, pairs, onRows, zone }) {
  if (known.times.problem || !known.times.totals.sum_is_sla_eligible) return null;
  const eligible = [["is_sla_eligible", "true"]];
  const numbers = ({ sum_is_sla_met: met, sum_is_sla_eligible: all }) => [met, all - met];
  const bars = intervals(known, pairs, zone, numbers, eligible).map((bar) => ({
    ...bar,
    words: `${bar.words}, ${percent(bar.numbers[0], bar.numbers[0] + bar.numbers[1])}`,
  }));
  const parts = LEVELS.slice(0, 2).map(({ words, tone }) => [words, tone]);
  return html`<${Bars} title=${`Service level, a bar is ${stepWords(known.interval)}`} parts=${parts} bars=${bars}
    note="of the first queue entry of each interaction that counts" onRows=${onRows} />`;
}

/** Waits by their length: bounds in seconds, the lower included. */
function Waits({ known, pairs, onRows }) {
  const title = "Wait in queues";
  const problem = known.waited.find((one) => one.problem)?.problem;
  if (problem) return html`<${Refused} title=${title} problem=${problem} />`;
  if (!known.waits.length) return null;
  const short = (seconds) => (seconds < 60 ? `${seconds} s` : clock(seconds));
  const bars = known.waits.map(({ lower, upper, more }, place) => {
    const { count: all, abandoned_count: abandoned } = known.waited[place].totals;
    const tick = upper === Infinity ? `${short(lower)} +` : `< ${short(upper)}`;
    const words = `from ${short(lower)} to ${upper === Infinity ? "any length" : `less than ${short(upper)}`}`;
    return { key: lower, words, tick, numbers: [all - abandoned, abandoned], pairs: withAll(pairs, more) };
  });
  return html`<${Bars} title=${title} parts=${ABANDONED} bars=${bars} onRows=${onRows}
    note="interactions by queue_seconds: the time in all their queues together" />`;
}

function Queues({ known, pairs, onRows }) {
  return html`<${Groups} title="By queue" note="queue entries, to which the conditions apply themselves"
    summary=${known.queues} name="queue_name" parameter="queue_name" pairs=${pairs} onRows=${onRows}
    parts=${[["answered", "accent"], ["abandoned", "bad"]]}
    numbers=${({ answered_count: answered, abandoned_count: abandoned }) => [answered, abandoned]}
    columns=${[
      ["Offered", (row) => count(row.offered_count)],
      ["Abandoned", (row) => share(row.abandon_rate)],
      ["In SLA", (row) => share(row.service_level)],
      ["Answer", (row) => duration(row.average_speed_of_answer_seconds) ?? "–"],
    ]} />`;
}

function Channels({ known, pairs, onRows }) {
  const { rows } = known.all;
  const totals = { count: sum(rows, () => true), abandoned_count: sum(rows, (row) => row.is_abandoned) };
  return html`<${Groups} title="By channel" note="interactions" summary=${{ rows: channels(rows), totals }}
    name="channel_type"
    parameter="channel_type" none=${[["channel_type.null", "true"]]} pairs=${pairs} onRows=${onRows} parts=${ABANDONED}
    numbers=${(row) => [row.count - row.abandoned_count, row.abandoned_count]}
    columns=${[
      ["Number", (row) => count(row.count)],
      ["Abandoned", (row) => percent(row.abandoned_count, row.count)],
    ]} />`;
}

const MOST_GROUPS = 12;

/** A bar for each value of a column, with measures beside; the value leads to its rows. */
function Groups({ title, note, summary, name, parameter, none, pairs, onRows, parts, numbers, columns }) {
  if (summary.problem) return html`<${Refused} title=${title} note=${note} problem=${summary.problem} />`;
  const all = (row) => numbers(row).reduce((sums, one) => sums + one, 0);
  const rows = summary.rows.slice(0, MOST_GROUPS);
  const most = Math.max(1, ...rows.map(all));
  const more = summary.rows.length - rows.length;
  return html`<section class="panel" aria-label=${title}><div class="title"><h2>${title}</h2>
      <${Legend} parts=${parts} />
      <p class="muted">${note}</p></div>
    <table class="groups"><thead><tr><th scope="col"><span class="unseen">Value</span></th>${columns.map(
      ([words]) => html`<th scope="col" class="number" key=${words}>${words}</th>`,
    )}</tr></thead>
      <tbody>${rows.map((row) => {
        const stacked = numbers(row).map((number, place) => [...parts[place], number]);
        const its = row[name] === null ? none : [[parameter, row[name]]];
        return html`<tr key=${row[name]}><th scope="row">
          <${Lead} onRows=${onRows} pairs=${its && withAll(pairs, its)}>${row[name] ?? "unknown"}
          <${Stack} most=${most} parts=${stacked} /><//></th>
          ${columns.map(([words, show]) => html`<td class="number" key=${words}>${show(row)}</td>`)}</tr>`;
      })}</tbody>
      <tfoot><tr><th scope="row">All</th>${columns.map(([words, show]) => html`<td class="number"
        key=${words}>${show(summary.totals)}</td>`)}</tr></tfoot></table>
    ${more > 0 && html`<p class="muted">and ${count(more)} more with fewer</p>`}</section>`;
}

/** In place of a chart: why there is none. */
function Refused({ title, note, problem }) {
  const detail = problem.errors?.map((fault) => fault.detail).join(" ") ?? problem.detail;
  return html`<section class="panel" aria-label=${title}><div class="title"><h2>${title}</h2>
      ${note && html`<p class="muted">${note}</p>`}</div>
    <p class="muted"><b>${problem.title}.</b> ${detail}</p></section>`;
}
