// One cell: the value as people read it, the exact value as its title.
import { Icon } from "./icons.js";
import { html } from "./parts.js";
import { duration, exactMoment, moment } from "./words.js";

const OUTCOMES = { met: "quiet", missed: "bad", excluded: "plain" };

export function Badge({ tone, title, children }) {
  return html`<span class="badge ${tone}" title=${title}>${children}</span>`;
}

/** What is worth a mark: open, abandoned, service level missed. */
export function badges(row) {
  const marks = [];
  if (row.ended_at === null) marks.push({ tone: "open", words: "open", title: "Has not ended yet" });
  if (row.is_abandoned) {
    const where = row.abandon_stage
      ? ` in ${{ ivr: "the menu", queue: "the queue", hold: "hold" }[row.abandon_stage] ?? "other"}`
      : "";
    const isExcluded = row.sla_outcome === "excluded";
    const short = row.is_short_abandon ? `, within the threshold${isExcluded ? ": not counted" : ""}` : "";
    marks.push({
      tone: isExcluded ? "plain" : "bad",
      words: "abandoned",
      title: `The customer left${where}${short}`,
    });
  }
  if (row.sla_outcome === "missed")
    marks.push({ tone: "warn", words: "SLA missed", title: "Not answered within the threshold" });
  return marks;
}

export function State({ row }) {
  const marks = badges(row);
  if (!marks.length) return html`<span class="muted">${row.is_answered ? "answered" : "ended"}</span>`;
  return marks.map(({ tone, words, title }) => html`<${Badge} tone=${tone} title=${title}>${words}<//>`);
}

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
    column.name === "sla_outcome" && OUTCOMES[value]
      ? html`<${Badge} tone=${OUTCOMES[value]}>${value}<//>`
      : html`<span class=${value === "not_applicable" ? "muted" : ""}>${value.replaceAll("_", " ")}</span>`,
};

export function Cell({ row, column, zone, now, onCondition }) {
  if (column.name === "state") return html`<${State} row=${row} />`;
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
