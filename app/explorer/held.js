// What is held, by the hour: a row for each day, of the whole tenant first, then of what was asked for last.
import { html } from "./parts.js";
import { count } from "./words.js";

const CELLS = {
  "#": ["held", "held"],
  "~": ["due", "held, due to be read again"],
  ".": ["lacking", "not held"],
  " ": ["to-come", "yet to come"],
};
const ASKED_UPSTREAM = /^(attr(\..+|_pair|_name|_any)?|contact_id|hook_.*)$/;
const TOLD = Object.entries(CELLS).slice(0, 3);
const TICKS = [0, 6, 12, 18];
const dayName = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });

/** A collection by what it holds: that of this page's question in the words of that, its values included. */
export function titleOf({ conditions, is_asked: isAsked }, pairs) {
  if (!conditions) return "Whole tenant";
  const own = pairs.filter(([name]) => ASKED_UPSTREAM.test(name)).map((pair) => pair.join("="));
  return (isAsked && own.join(" & ")) || conditions.replaceAll("&", " & ");
}

export function HeldByHour({ collections, pairs }) {
  if (!collections) return null;
  return html`<section class="panel" aria-label="Held by the hour"><h2>Held by the hour</h2>
    <p class="muted">Questions about these hours are answered without asking upstream. What is held of the
      whole tenant is not held again for others. Hours are UTC.</p>
    <p class="legend">${TOLD.map(
      ([cell, [name, words]]) => html`<span key=${cell}><i class="swatch ${name}"></i>${words}</span>`,
    )}</p>
    <div class="held-hours">${collections.map((collection, place) => {
      const { conditions, days, records, is_asked: isAsked } = collection;
      const title = titleOf(collection, pairs);
      const more = `${count(records)} records${isAsked && conditions ? ", of this question" : ""}`;
      return html`<div key=${`${place} ${title}`} role="group" aria-label=${`${title}, ${more}`}>
        <h3>${conditions ? html`<code>${title}</code>` : title} <span class="muted">${more}</span></h3>
        <div class="hour-ticks" aria-hidden="true">${TICKS.map((hour) => html`<i key=${hour}>${hour}</i>`)}</div>
        ${days.map((day) => html`<${Day} key=${day.on} ...${day} />`)}</div>`;
    })}</div></section>`;
}

function Day({ on, hours }) {
  const name = dayName.format(Date.parse(on));
  const numbers = TOLD.map(([cell, [, words]]) => [hours.split(cell).length - 1, words]).filter(([number]) => number);
  const told = `${name}: ${numbers.map(([number, words]) => `${number} h ${words}`).join(", ")}`;
  return html`<div class="held-day"><span class="muted">${name}</span>
    <div class="hours" role="img" aria-label=${told}>${[...hours].map((cell, hour) => {
      const [state, words] = CELLS[cell];
      return html`<i key=${hour} class=${state} title=${`${name}, ${hour}:00: ${words}`}></i>`;
    })}</div></div>`;
}
