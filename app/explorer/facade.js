// What the façade does: how answers are come by, how upstream fares, what is stored for the question; live.
import { Refusal, ask, askText, journal } from "./api.js";
import { like, samples, total } from "./exposition.js";
import { HeldByHour } from "./held.js";
import { html, useEffect, useReducer, useState } from "./parts.js";
import { shared, written } from "./question.js";
import { bytes, count, duration, moment, percent } from "./words.js";

const EVERY = 3000; // milliseconds
const quietly = (asking) =>
  asking.catch((error) => {
    if (error instanceof Refusal) return { problem: error.problem };
    throw error;
  });

/** The latest of everything, asked again as long as the view is seen; counters only where they may be seen. */
function useLive(pairs, who) {
  const seesMetrics = Boolean(who?.scopes.includes("metrics:read"));
  const [known, setKnown] = useState({});
  useEffect(() => {
    let timer = null;
    let [isWanted, isBarred] = [true, false];
    const look = async () => {
      if (!document.hidden) {
        const [explained, ready, metrics] = await Promise.all([
          quietly(ask("cache/explain", shared(pairs))),
          quietly(ask("health/ready")),
          seesMetrics ? quietly(askText("metrics")) : null,
        ]);
        isBarred = [401, 429].includes(explained.problem?.status); // wrong keys are counted: do not go on with one
        if (isWanted) setKnown({ explained, ready, metrics, at: Date.now() });
      }
      if (isWanted && !isBarred) timer = setTimeout(look, EVERY);
    };
    look();
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [written(pairs), seesMetrics]);
  return known;
}

function useJournal() {
  const [, changed] = useReducer((turn) => turn + 1, 0);
  useEffect(() => {
    journal.listeners.add(changed);
    return () => journal.listeners.delete(changed);
  }, []);
  return journal.answers;
}

export function Facade({ pairs, service, onAgain }) {
  const { explained, ready, metrics, at } = useLive(pairs, service.who);
  const answers = useJournal();
  const text = typeof metrics === "string" ? samples(metrics) : null;
  return html`<p
    class="lead muted">The façade stands before the reporting API: it asks once, keeps the answer, and gives it to all who ask the same.
      ${at && html` <span class="live">live</span>`}</p>
    <div class="cards">
      <${Tab} answers=${answers} />
      <${Service} text=${text} />
      <${Upstream} ready=${ready} answers=${answers} text=${text} />
    </div>
    ${explained && html`<${Explained} explained=${explained} pairs=${pairs} onAgain=${onAgain} />`}
    ${explained?.body && html`<${HeldByHour} collections=${explained.body.held_hours} pairs=${pairs} />`}
    ${text && html`<${Samples} text=${text} />`}`;
}

function Tab({ answers }) {
  const good = answers.filter(({ outcome }) => outcome !== "error");
  const hits = good.filter(({ outcome }) => outcome === "hit" || outcome === "stale").length;
  return html`<section class="panel" aria-label="Answers to this tab"><h2>Answers to this tab</h2>
    <p class="value">${percent(hits, good.length)}</p>
      <p class="muted">from the cache: ${hits} of ${good.length} since the page was opened</p>
    <ol class="strip" aria-label="Latest answers, newest last">${answers.map(
      (answer, place) => html`<li key=${place} class=${answer.outcome}
      style=${{ height: `${Math.min(44, 8 + 9 * Math.log10(1 + answer.milliseconds))}px` }} title=${told(answer)}>
        <span class="unseen">${told(answer)}</span></li>`,
    )}</ol>
    <p class="legend">${[
      ["hit", "from the cache"],
      ["stale", "stale, refreshed behind"],
      ["miss", "asked upstream"],
      ["collapsed", "shared a call"],
      ["error", "refused"],
    ].map(([name, words]) => html`<span key=${name}><i class="swatch ${name}"></i>${words}</span>`)}</p>
  </section>`;
}

const told = ({ outcome, milliseconds, path, status, upstream }) =>
  `${path}: ${outcome}, ${status}, ${milliseconds.toFixed(0)} ms${upstream ? `, of which upstream ${upstream.toFixed(0)} ms` : ""}`;

const FROM_STORE = ["fresh", "stale", "hit"];

/** "cxfacade_cache_bytes" → "Cache bytes" */
const sentence = (name) => name.replace("cxfacade_", "").replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

function Service({ text }) {
  if (!text)
    return html`<section class="panel" aria-label="All clients"><h2>All clients</h2>
      <p class="muted">The service's own counters need the scope <code>metrics:read</code>.</p></section>`;
  const all = total(text.found, "cxfacade_answers_total");
  const stored = total(text.found, "cxfacade_answers_total", ({ outcome }) => FROM_STORE.includes(outcome));
  const kept = like(text.found, /(cache|store).*bytes$/).filter(({ labels }) => !Object.keys(labels).length);
  return html`<section class="panel" aria-label="All clients"><h2>All clients</h2>
    <p class="value">${percent(stored ?? 0, all)}</p>
      <p class="muted">from the cache: ${count(stored ?? 0)} of ${count(all ?? 0)} since the start</p>
    <${Facts} facts=${[
      ["Calls to upstream", count(total(text.found, "cxfacade_upstream_calls_total") ?? 0)],
      ["Logins", total(text.found, "cxfacade_upstream_logins_total")],
      ...kept.map(({ name, value }) => [sentence(name), bytes(value)]),
    ]} /></section>`;
}

const BREAKER = { 0: "closed", 1: "half-open", 2: "open" };

function Upstream({ ready, answers, text }) {
  const faults = answers.filter(({ code }) => code?.startsWith("upstream-"));
  const calls = answers.filter(({ upstream }) => upstream);
  const breakers = text ? like(text.found, /_breaker$/) : [];
  const isOpen = faults.at(-1)?.code === "upstream-circuit-open";
  const state = ready?.problem ? "not ready" : faults.length && answers.at(-1)?.code ? "failing" : "well";
  return html`<section class="panel" aria-label="Upstream"><h2>Upstream</h2>
    <p class="value ${state === "well" ? "" : "badtext"}">${ready ? state : "…"}</p>
    <p class="muted">${ready?.problem ? ready.problem.title : "the service is ready to answer"}</p>
    <${Facts} facts=${[
      ["Latest call", calls.length ? `${calls.at(-1).upstream.toFixed(0)} ms` : "none from this tab"],
      [
        "Breaker",
        breakers.length
          ? breakers
              .filter(({ value }) => value)
              .map(({ labels, value }) => `${labels.endpoint ?? ""} ${BREAKER[value] ?? value}`.trim())
              .join(", ") || "closed"
          : isOpen
            ? "open"
            : "closed, as far as this tab knows",
      ],
      [
        "Latest fault",
        faults.length
          ? `${faults.at(-1).code}, ${moment(new Date(faults.at(-1).at).toISOString(), "UTC", Date.now())} UTC`
          : "none seen by this tab",
      ],
    ]} /></section>`;
}

function Facts({ facts }) {
  return html`<dl class="facts">${facts.filter(([, value]) => value !== null).map(([words, value]) => html`<div
    key=${words}><dt>${words}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Explained({ explained, pairs, onAgain }) {
  if (explained.problem)
    return html`<section class="panel"><h2>This question in the cache</h2><p>${explained.problem.detail}</p></section>`;
  const known = explained.body;
  const left = known.time_left_seconds;
  const age = known.stored ? `${duration(Math.round(known.age_seconds))} old` : "";
  const more = left > 0 ? `, fresh for ${duration(Math.ceil(left))} more` : "";
  const sent = known.upstream.parameters.map(({ name, value }) => `${name}=${value}`).join(" & ") || "no parameters";
  return html`<section class="panel explained" aria-label="This question in the cache">
    <h2>This question in the cache</h2>
    <p class="again"><code class="question">GET /interactions${pairs.length ? `?${written(shared(pairs))}` : ""}</code>
      <button type="button" onClick=${onAgain}>Ask it again</button></p>
    <div class="halves">${
      known.stored
        ? html`<div class="life"><p><b class=${known.state}>${known.state}</b> <span>${age}${more}</span></p>
        <div class="meter" aria-hidden="true">
          <i style=${{ width: `${Math.max(0, Math.min(100, (100 * left) / known.fresh_for_seconds))}%` }}></i></div>
        <p class="muted">${known.rule.words}</p></div>`
        : html`<p><b>Not stored.</b> <span class="muted">The next who asks makes the façade ask upstream.</span></p>`
    }
    <${Facts} facts=${[
      ["Rows kept", known.stored ? `${count(known.rows_stored)} of ${count(known.total)}` : null],
      ["Room", known.bytes === null ? null : bytes(known.bytes)],
      [
        "A miss would cost",
        known.held?.covered
          ? null // all of it is held
          : `${known.miss_cost.upstream_calls} upstream ${known.miss_cost.upstream_calls === 1 ? "call" : "calls"}`,
      ],
      ["Asked of upstream", html`<code>${sent}</code>`],
    ]} /></div></section>`;
}

function Samples({ text }) {
  return html`<details class="panel samples"><summary>All counters <span class="muted">${text.found.length}</span>
    </summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Counters"><table class="small"><thead><tr>
      <th scope="col">Counter</th><th scope="col">Labels</th><th scope="col" class="number">Value</th></tr></thead>
      <tbody>${text.found
        .filter(({ name }) => !name.endsWith("_created"))
        .map(
          (
            { name, labels, value },
            place,
          ) => html`<tr key=${place}><td title=${text.words.get(name.replace(/_total$/, "")) ?? text.words.get(name)}>
            <code>${name}</code></td>
        <td class="muted">${Object.entries(labels)
          .map(([one, other]) => `${one}=${other}`)
          .join(" ")}</td><td class="number">${value}</td></tr>`,
        )}</tbody></table></div></details>`;
}
