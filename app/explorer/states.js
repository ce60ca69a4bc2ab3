// What is shown in place of rows.
import { html } from "./parts.js";
import { typed, withValue, without } from "./question.js";
import { count } from "./words.js";

/** Nothing matches: say what was asked, and offer ways to ask for more. */
export function Empty({ pairs, onAsk, isTruncated }) {
  const conditions = pairs.filter(([name]) => !["fields", "sort", "limit", "offset"].includes(name));
  const last = conditions.filter(([name]) => name !== "from" && name !== "to").at(-1);
  const hasTime = pairs.some(([name]) => name === "from" || name === "to");
  return html`<section class="empty" aria-label="No rows">
    <h2>${isTruncated ? "Nothing found" : "Nothing matches"}</h2>
    ${isTruncated && html`<p>Not all that there is could be looked through; a time range makes it smaller.</p>`}
    ${conditions.length > 0 && html`<p>No interaction has all of: ${conditions.map(named)}</p>`}
    <p class="muted">Values are compared literally, capitals and spaces included.</p>
    <p class="actions">
      ${hasTime && html`<button type="button"
        onClick=${() => onAsk(without(without(pairs, "from"), "to"))}>At any time</button>`}
      ${conditions.length > 1 && last && html`<button type="button"
        onClick=${() => onAsk(pairs.filter((pair) => pair !== last))}>Without ${typed(last)}</button>`}
      <button type="button" class="primary"
        onClick=${() => onAsk(withValue([], "fields", null))}>Show everything</button>
    </p>
  </section>`;
}

const named = (pair, place) => html`${place > 0 && ", "}<code key=${place}>${typed(pair)}</code>`;

/** No row among those looked at, and more to be looked at. */
export function NoneYet({ result }) {
  return html`<section class="empty" aria-label="No rows yet">
    <h2>None found so far</h2>
    <p class="muted">The newest interactions were looked through, and more are left.</p>
    <p class="actions"><button type="button" class="primary" disabled=${result.isWaiting}
      onClick=${() => result.more()}>${result.isWaiting ? "Looking …" : "Look further back"}</button></p>
  </section>`;
}

/** Said where the API cannot sort the whole. */
export function SortedHere({ rows }) {
  return html`<p class="notice">Only the ${count(rows.length)} rows at hand are sorted: the whole result is too large for
    one answer. A time range makes it smaller.</p>`;
}
