// Above the rows: how many there are, how old they are, and what can be done with them.
import { Icon } from "./icons.js";
import { html, useEffect, useState } from "./parts.js";
import { stateOf, words } from "./freshness.js";
import { Downloads } from "./share.js";
import { count, duration, moment } from "./words.js";

export function useNow(milliseconds = 1000) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
  return now;
}

export function Toolbar({ result, pairs, maxRows, onRefresh, onColumns, onShare, onProblem }) {
  return html`<div class="toolbar">
    <p class="found" aria-live="polite"><${Found} result=${result} /></p>
    <${Age} result=${result} onRefresh=${onRefresh} />
    <div class="tools">
      <button type="button" onClick=${onColumns}><${Icon} name="columns" />Columns</button>
      <${Downloads} pairs=${pairs} maxRows=${maxRows} total=${result.total} onProblem=${onProblem} />
      <button type="button" onClick=${onShare}><${Icon} name="code" />Use elsewhere</button>
    </div>
  </div>`;
}

/** How many there are; where that is not known, or some cannot be reached, it says so. */
export function Found({ result }) {
  const { meta, rows, cursor, total } = result;
  if (!meta) return "";
  const isKnown = total !== null;
  const of = isKnown && total > rows.length ? ` of ${count(total)}` : "";
  const number = rows.length || of ? html`<b>${count(rows.length)}${of}</b>` : "No";
  const notes = [
    !isKnown && "how many match is not known",
    meta.truncated && "the answer is cut short: more match than can be reached",
  ].filter(Boolean);
  const words = `${rows.length === 1 && !of ? "interaction" : "interactions"}${cursor && !isKnown ? " so far" : ""}`;
  return html`${number} ${words}${notes.length > 0 && html`<span class="muted">; ${notes.join("; ")}</span>`}`;
}

/** Age and origin of what is shown, ticking; a button asks again. */
export function Age({ result, onRefresh }) {
  const now = useNow();
  const { freshness, meta } = result;
  if (!freshness) return null;
  const state = result.plan.problem ? "failing" : stateOf(freshness);
  const origin = [freshness.hit ? "hit" : `fwd=${freshness.fwd}`, freshness.detail].filter(Boolean).join(", ");
  const title = `As of ${moment(meta.as_of, meta.time_zone, now)} (${meta.as_of}). Cache-Status: ${origin}`;
  return html`<p class="age ${state}" title=${title}>
    <span class="dot" aria-hidden="true"></span>
      <span>${state !== "fresh" && html`<b>Stale: </b>`}${words(freshness, now)}</span>
    <span class="zone">times in ${meta.time_zone}</span>
    <button type="button" class="plain" aria-label="Ask again" title="Ask again" onClick=${onRefresh}>
      <${Icon} name="refresh" /></button>
  </p>`;
}

/** Said while no newer answer can be had: why, and what happens next. */
export function Stalled({ plan, onAgain }) {
  useNow();
  if (!plan.problem) return null;
  const seconds = plan.dueAt === null ? null : Math.max(0, Math.ceil((plan.dueAt - Date.now()) / 1000));
  const next = plan.isInVain ? "" : seconds ? `Asked again in ${duration(seconds)}.` : "Asking again …";
  return html`<p class="notice stalled" role="status"><span><b>Not refreshed.</b> ${plan.problem.title}. What is shown is the
    latest that came. <span class="muted" aria-live="off">${next}</span></span>
    <button type="button" onClick=${onAgain}>Ask again now</button></p>`;
}

/** What is under way: after a moment a bar, then words, then a way out. */
export function Progress({ result }) {
  const now = useNow(250);
  const seconds = result.isWaiting ? Math.floor((now - result.waitingSince) / 1000) : 0;
  return html`<div class="progress ${result.isWaiting ? "on" : ""}" role="status">
    ${
      seconds >= 1 &&
      html`<p><span>${result.waitingWords ?? "Asking upstream …"}</span> <span class="muted">${seconds} s</span>
      <button type="button" onClick=${() => result.cancel()}>Stop waiting</button></p>`
    }
  </div>`;
}
