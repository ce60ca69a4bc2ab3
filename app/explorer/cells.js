// One cell: the value as people read it, the exact value as its title.
import { Icon } from "./icons.js";
import { html } from "./parts.js";
import { duration, exactMoment, moment } from "./words.js";

export function Badge({ tone, title, children }) {
  return html`<span class="badge ${tone}" title=${title}>${children}</span>`;
}

/** What became of it: open, abandoned, answered, or ended otherwise. */
function state(row) {
  if (row.ended_at === null) return { tone: "open", words: "open", title: "Has not ended yet" };
  if (!row.is_abandoned) return { words: row.is_answered ? "answered" : "ended" };
  const where = row.abandon_stage
    ? ` in ${{ ivr: "the menu", queue: "the queue", hold: "hold" }[row.abandon_stage] ?? "other"}`
    : "";
  const isExcluded = row.sla_outcome === "excluded";
  const short = row.is_short_abandon ? `, within the threshold${isExcluded ? ": not counted" : ""}` : "";
  return { tone: isExcluded ? "plain" : "bad", words: "abandoned", title: `The customer left${where}${short}` };
}

const LEVELS = {
  met: { tone: "quiet", words: "SLA met", title: "Answered within the threshold" },
  missed: { tone: "warn", words: "SLA missed", title: "Not answered within the threshold" },
  excluded: { tone: "plain", words: "not counted", title: "A short abandon: left out of the service level" },
};

/** What is worth a mark: open, abandoned, service level missed. */
export function badges(row) {
  const marks = [state(row), ...(row.sla_outcome === "missed" ? [LEVELS.missed] : [])];
  return marks.filter(({ tone }) => tone);
}

const marked = ({ tone, words, title }) =>
  tone ? html`<${Badge} tone=${tone} title=${title}>${words}<//>` : html`<span class="muted">${words}</span>`;

/** The marks of a card. */
export function State({ row }) {
  const marks = badges(row);
  return (marks.length ? marks : [state(row)]).map(marked);
}

/** The first queue entry's wait, which the service level judges: { seconds, words }; null where there is none. */
export function waited({ queues }) {
  const entry = queues?.[0];
  if (!entry) return null;
  const { time_to_answer_seconds: answer, queue_seconds: stay, entered_at: from, left_at: to } = entry;
  const seconds = answer ?? stay ?? (from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null);
  if (seconds === null) return null;
  const end = entry.is_answered ? "until the answer" : "unanswered";
  const bound = entry.is_sla_eligible ? `; the threshold is ${duration(entry.sla_threshold_seconds)}` : "";
  return { seconds, words: `${seconds} s in the first queue, ${end}${bound}` };
}

function Wait({ row }) {
  const wait = waited(row);
  return wait ? html`<span title=${wait.words}>${duration(wait.seconds)}</span>` : html`<span class="null">–</span>`;
}

const MADE = {
  state: ({ row }) => marked(state(row)),
  level: ({ row }) =>
    LEVELS[row.sla_outcome] ? marked(LEVELS[row.sla_outcome]) : html`<span class="null">–</span>`,
  wait: Wait,
};

/** Attributes as buttons that ask for all with the same value. */
export function Attributes({ row, onCondition }) {
  const attributes = (row.attributes ?? []).filter(
    ({ kind, value }) => kind === "interaction-attribute" && value !== null,
  );
  if (!attributes.length) return html`<span class="null">–</span>`;
  return attributes.map(
    ({ name, value }) => html`<button type="button" class="tag" tabindex="-1" title=${`Ask for ${name} = ${value}`}
    onClick=${(event) => {
      event.stopPropagation();
      onCondition([`attr.${name}`, value]);
    }}>
    <span class="muted">${name}</span> ${value}
  </button>`,
  );
}

const SHOWN = {
  time: (value, { zone, now }) =>
    html`<time datetime=${value} title=${exactMoment(value, zone)}>${moment(value, zone, now)}</time>`,
  float: (value, { column }) =>
    column.unit === "seconds" ? html`<span title=${`${value} s`}>${duration(value)}</span>` : String(value),
  bool: (value) => (value ? "yes" : html`<span class="muted">no</span>`),
  uuid: (value) => html`<code title=${value}>${value.slice(0, 8)}…</code>`,
  enum: (value, { column }) =>
    column.name === "sla_outcome" && LEVELS[value]
      ? html`<${Badge} tone=${LEVELS[value].tone}>${value}<//>`
      : html`<span class=${value === "not_applicable" ? "muted" : ""}>${value.replaceAll("_", " ")}</span>`,
};

export function Cell({ row, column, zone, now, onCondition }) {
  if (MADE[column.type]) return MADE[column.type]({ row });
  if (column.name === "attributes") return html`<${Attributes} row=${row} onCondition=${onCondition} />`;
  const value = row[column.name];
  if (value === null || value === undefined) {
    return html`<span class="null" title=${column.null_when ? `null: ${column.null_when}` : "null"}>–</span>`;
  }
  if (column.name === "channel_type")
    return html`<span class="channel"><${Icon}
      name=${value} />${value}${row.direction && row.direction !== "inbound" && html`<span class="direction"
      title=${row.direction}><${Icon} name=${row.direction} /><span class="unseen">${row.direction}</span>
      </span>`}</span>`;
  const show = SHOWN[column.type];
  return show ? show(value, { column, zone, now }) : html`<span title=${value}>${value}</span>`;
}
