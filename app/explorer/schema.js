// Every column the API has, to be searched: what it means, when it is null, where it comes from.
import { label, shown, toggled } from "./columns.js";
import { html, useState } from "./parts.js";
import { withValue } from "./question.js";

export function Schema({ pairs, service, onAsk }) {
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase().split(/\s+/);
  const fits = (words) => wanted.every((word) => words.toLowerCase().includes(word));
  const columns = service.schema.filter((column) =>
    fits(
      [
        column.name,
        label(column.name),
        column.type,
        column.unit,
        column.description,
        column.source,
        column.null_when,
      ].join(" "),
    ),
  );
  const lists = service.include.filter((list) =>
    fits(
      [list.name, list.description, ...list.fields.map(({ name, description }) => `${name} ${description}`)].join(" "),
    ),
  );
  const ticked = new Set(shown(pairs, service.schema).map(({ name }) => name));
  return html`<div class="above"><h1>Columns</h1>
    <p class="muted">${columns.length} of ${service.schema.length}, and ${lists.length} nested lists</p>
      <input class="filter" type="search" value=${text} placeholder="Search names, meanings, sources"
        aria-label="Search the columns" onInput=${(event) => setText(event.target.value)} /></div>
    ${columns.length + lists.length === 0 && html`<p class="empty">Nothing is called that.</p>`}
    <ul class="schema">${columns.map(
      (column) => html`<li key=${column.name}>
      <div><h2><code>${column.name}</code></h2>
        <p class="muted">${kind(column)} <${Personal} of=${column.personal_data} /></p></div>
      <p>${column.description}${column.allowed ? html` <span
        class="muted">${column.allowed.join(" · ")}</span>` : ""}</p>
      <dl><div><dt>From</dt><dd><code>${column.source}</code></dd></div><div><dt>Null</dt>
        <dd>${column.null_when ?? "never"}</dd></div></dl>
      <label><input type="checkbox" checked=${ticked.has(column.name)}
        onChange=${() => onAsk(withValue(pairs, "fields", toggled(pairs, column.name)))} /> show <span
        class="unseen">${column.name}</span></label>
    </li>`,
    )}</ul>
    ${lists.map(
      (
        list,
      ) => html`<section class="panel nested" key=${list.name}><h2><code>include=${list.name}</code></h2>
        <p>${list.description}</p>
      <ul>${list.fields.map(({ name, type, description }) => html`<li key=${name}>
        <code>${name}</code> <span class="muted">${type}</span> ${description}</li>`)}</ul></section>`,
    )}`;
}

const kind = ({ type, unit }) => (unit && unit !== "count" ? `${type}, ${unit}` : type);

function Personal({ of }) {
  return of && html`<span class="badge warn">${of} data</span>`;
}
