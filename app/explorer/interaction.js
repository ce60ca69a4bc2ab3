// One interaction: its timeline, what it carries, and how its flat row came about.
import { Refusal, ask, described } from "./api.js";
import { badges, Badge, waited } from "./cells.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";
import { html, useEffect, useMemo, useReducer } from "./parts.js";
import { Problem } from "./problem.js";
import { RAW_SCOPES, Record } from "./record.js";
import { Plan, inTurn, useHeldFocus, useRenewal } from "./renewal.js";
import { Copy } from "./share.js";
import { Timeline } from "./timeline.js";
import { Stalled } from "./toolbar.js";
import { duration, exactMoment, moment, second } from "./words.js";

/** One interaction as it is shown, renewed as its plan says. */
class Shown {
  known = {};
  plan = new Plan();
  #abort = new AbortController();
  #etags = {};

  constructor(id, isClear, isRaw, changed) {
    Object.assign(this, { id, isClear, isRaw, changed });
  }

  /** Ask for the row and its timeline; both are replaced by newer ones, and stay where there are none. */
  async ask() {
    this.plan.rest();
    try {
      const asking = (signal) => this.#parts(signal);
      const { row, timeline, freshness, refused } = await (this.known.row
        ? inTurn(asking, this.#abort)
        : asking(this.#abort.signal));
      this.plan.answered(freshness);
      this.known = {
        row: row ?? this.known.row,
        timeline: timeline ?? this.known.timeline,
        refused: refused ?? this.known.refused,
      };
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (!(error instanceof Refusal)) throw error;
      if (this.known.row) this.plan.failed(error.problem);
      else this.known = { problem: error.problem };
    }
    this.changed();
  }

  close() {
    this.#abort.abort();
  }

  async #parts(signal) {
    const found = await this.#row(signal, this.isRaw);
    const timeline = await this.#part(`interactions/${this.id}/timeline`, [], signal);
    const freshness = found.freshness.detail ? found.freshness : timeline.freshness; // the older of both
    return { row: found.body, refused: found.refused, timeline: timeline.body, freshness };
  }

  /** As clear as may be: with the record itself for who may see all of it, unless the service shows it to nobody. */
  async #row(signal, isRaw) {
    const { lists } = await described();
    const include = [...lists, ...(isRaw ? ["raw"] : [])].join(",");
    const pairs = [["include", include], ...(this.isClear ? [["pii", "clear"]] : [])];
    try {
      return await this.#part(`interactions/${this.id}`, pairs, signal);
    } catch (error) {
      if (!isRaw || !(error instanceof Refusal) || error.problem.status !== 403) throw error;
      this.isRaw = false;
      return { ...(await this.#row(signal, false)), refused: error.message };
    }
  }

  async #part(path, pairs, signal) {
    const answer = await ask(path, pairs, { signal, etag: this.#etags[path] });
    this.#etags[path] = answer.etag;
    return answer;
  }
}

function useInteraction(id, isClear, isRaw) {
  const [, changed] = useReducer((turn) => turn + 1, 0);
  const shown = useMemo(() => new Shown(id, isClear, isRaw, changed), [id, isClear, isRaw]);
  useEffect(() => {
    shown.ask();
    return () => shown.close();
  }, [shown]);
  useRenewal(shown.plan, () => shown.ask());
  useHeldFocus();
  return shown;
}

export function Interaction({ id, rows, zone, service, wantsClear, onOpen, onClose, onCondition, onClear }) {
  const may = (scope) => Boolean(service.who?.scopes.includes(scope));
  const isClear = wantsClear && may("pii:read");
  const shown = useInteraction(id, isClear, isClear && RAW_SCOPES.every(may));
  const { row, refused, timeline, problem } = shown.known;
  const at = rows.findIndex((one) => one.interaction_id === id);
  const step = (
    by,
    words,
    icon,
  ) => html`<button type="button" class="plain" aria-label=${words} title=${words} disabled=${at < 0 || !rows[at + by]}
    onClick=${() => onOpen(rows[at + by].interaction_id)}><${Icon} name=${icon} /></button>`;
  const actions = html`${step(-1, "The row before", "before")}${step(1, "The next row", "after")}`;
  return html`<${Dialog} title="Interaction" kind="drawer" onClose=${onClose} actions=${actions}>
    ${problem && html`<${Problem} problem=${problem} onRetry=${() => shown.ask()} />`}
    ${!row && !problem && html`<p class="muted" role="status">Asking …</p>`}
    ${
      row &&
      html`
      <${Stalled} plan=${shown.plan} onAgain=${() => shown.ask()} />
      <${Summary} row=${row} zone=${zone} />
      <section aria-labelledby="timeline-title"><h3 id="timeline-title">Timeline</h3>
        <${Timeline} key=${row.interaction_id} timeline=${timeline} zone=${zone} /></section>
      <${Attributes} attributes=${row.attributes} onCondition=${onCondition} />
      <${List} title="Agent legs" elements=${row.agents} columns=${LEGS} zone=${zone}
        empty="No agent was offered this." />
      <${List} title="Queue entries" elements=${row.queues} columns=${ENTRIES} zone=${zone}
        empty="It never entered a queue." />
      <${Notes} notes=${row.notes} who=${service.who} zone=${zone} />
      <${Record} row=${row} refused=${refused} service=${service} onClear=${onClear} />`
    }
  <//>`;
}

function Summary({ row, zone }) {
  const wait = waited(row);
  const facts = [
    [
      "Started",
      html`<time datetime=${row.started_at}
        title=${exactMoment(row.started_at, zone)}>${moment(row.started_at, zone, Date.now())}</time>`,
    ],
    ["Channel", html`${row.channel_type} <span class="muted">${row.direction}</span>`],
    ["Customer", row.customer ?? row.customer_masked],
    ["Flow", row.flow_name],
    ["Duration", duration(row.duration_seconds) ?? "open"],
    ["Wait", wait && html`<span title=${wait.words}>${duration(wait.seconds)}</span>`],
    ["Conversation", duration(row.conversation_seconds)],
    ["Ended by", row.end_type],
  ];
  return html`<section class="summary" aria-label="Summary">
    <p class="identity"><code>${row.interaction_id}</code>
      <${Copy} text=${row.interaction_id} />${badges(row).map(({ tone, words, title }) => html`<${Badge} tone=${tone}
      title=${title}>${words}<//>`)}</p>
    <dl>${facts.filter(([, value]) => value !== null && value !== undefined).map(([words, value]) => html`<div
      key=${words}><dt>${words}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}

function Attributes({ attributes, onCondition }) {
  if (!attributes.length) return html`<section><h3>Attributes</h3><p class="muted">None were set.</p></section>`;
  return html`<section><h3>Attributes</h3><div class="scroll" tabindex="0" role="region" aria-label="Attributes">
    <table class="small">
    <thead><tr><th scope="col">Name</th><th scope="col">Value</th><th scope="col">Set by</th><th scope="col">Kind</th>
      </tr></thead>
    <tbody>${attributes.map(
      ({ name, value, set_by: by, kind }, place) => html`<tr key=${place}><td>${name}</td>
      <td>${
        value === null
          ? html`<span class="null">–</span>`
          : kind !== "interaction-attribute"
            ? value
            : html`<button type="button" class="link" title="Ask for all with this value"
              onClick=${() => onCondition([`attr.${name}`, value])}>${value}</button>`
      }</td>
      <td>${by ?? "–"}</td><td class="muted">${kind}</td></tr>`,
    )}</tbody>
  </table></div></section>`;
}

const time = (text, zone) =>
  text ? html`<span title=${exactMoment(text, zone)}>${second(Date.parse(text), zone)}</span>` : null;
const LEGS = [
  ["Agent", (leg) => leg.agent_name ?? leg.agent_id?.slice(0, 8)],
  ["Took it", (leg) => (leg.is_accepted ? "yes" : "no")],
  ["Offered", (leg, zone) => time(leg.offered_at, zone)],
  ["Offer", (leg) => duration(leg.offer_seconds)],
  ["Conversation", (leg) => duration(leg.conversation_seconds)],
  ["Handling", (leg) => duration(leg.handle_seconds)],
];
const ENTRIES = [
  ["Queue", (entry) => entry.queue_name],
  ["Entered", (entry, zone) => time(entry.entered_at, zone)],
  ["Stay", (entry) => duration(entry.queue_seconds)],
  ["Answered after", (entry) => duration(entry.time_to_answer_seconds)],
  ["Left by", (entry) => entry.exit_type],
  ["Length on entry", (entry) => entry.length_at_entry],
];

function List({ title, elements, columns, empty, zone }) {
  if (!elements.length) return html`<section><h3>${title}</h3><p class="muted">${empty}</p></section>`;
  return html`<section><h3>${title}</h3><div class="scroll" tabindex="0" role="region" aria-label=${title}>
    <table class="small">
    <thead><tr>${columns.map(([words]) => html`<th scope="col" key=${words}>${words}</th>`)}</tr></thead>
    <tbody>${elements.map((element, place) => html`<tr key=${place}>${columns.map(([words, show]) => html`<td
      key=${words}>${show(element, zone) ?? html`<span class="null">–</span>`}</td>`)}</tr>`)}</tbody>
  </table></div></section>`;
}

function Notes({ notes, who, zone }) {
  if (!notes.length) return null;
  const hidden = !who?.scopes.includes("notes:read");
  return html`<section><h3>Notes</h3>
    ${hidden && html`<p
      class="muted">${notes.length === 1 ? "One note; its" : `${notes.length} notes; their`} text needs the scope <code>notes:read</code>.</p>`}
    ${
      !hidden &&
      notes.map(
        ({ note_id: id, title, body, created_at: at }) => html`<article class="note" key=${id}>
      <p><b>${title}</b> <span class="muted">${at && moment(at, zone, Date.now())}</span></p><p class="text">${body}</p>
    </article>`,
      )
    }
  </section>`;
}
