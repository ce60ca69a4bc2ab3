// The record and its flat row side by side: on a column, the parts of the record it is made of light up.
import { label } from "./columns.js";
import { html, useEffect, useMemo, useRef, useState } from "./parts.js";
import { Raw } from "./raw.js";

export const RAW_SCOPES = ["pii:read", "notes:read"];
const ABOVE = 60; // pixels of what stands before
const PARTS = { "interaction-attribute": "attributes", hookType: "attributes", transfer: "segments" };

/** Upstream's word for a field of a list, where the field shows it as it is. */
const wordOf = ({ source }) => /^(\w+)(?: \?\?|, else|$)/.exec(source)?.[1];

/** Where a column's source stands in the record: some of the `include` lists, and fields in them (none: the whole list). */
export function origins(source, include) {
  const lists = include
    .map(({ name }) => name)
    .filter((list) => new RegExp(`(?<!details\\.)\\b${list}\\b`).test(source));
  const more = Object.keys(PARTS)
    .filter((word) => source.includes(word))
    .map((word) => PARTS[word]);
  if (/queue start/.test(source)) more.push("queues");
  const words = new Set(source.match(/\w+/g));
  const shown = include.flatMap(({ fields }) => fields).filter((field) => words.has(wordOf(field)));
  return { lists: [...new Set([...lists, ...more])], fields: [...new Set(shown.map(({ name }) => name))] };
}

/** Whether the pointer itself moved: a row that Tab scrolls under a resting one is not pointed at. */
export const isMoved = ({ movementX, movementY }) => Boolean(movementX || movementY);

/** Scroll a pane, and nothing around it, to the first that is lit. */
function showLit(pane) {
  const first = pane.querySelector(".field.lit") ?? pane.querySelector(".lit");
  if (first) pane.scrollTop += first.getBoundingClientRect().top - pane.getBoundingClientRect().top - ABOVE;
}

/** What it takes to see the record itself; nothing where it is seen. */
function Missing({ row, who, refused, onClear }) {
  if (row.raw) return null;
  if (refused) return html`<p class="muted">${refused}</p>`;
  return RAW_SCOPES.every((scope) => who?.scopes.includes(scope))
    ? html`<p class="muted">Personal data is hidden here, so the record is shown as its lists. <button type="button"
      class="link" onClick=${onClear}>Show it as upstream sent it</button></p>`
    : html`<p class="muted">Shown as its lists: the record as upstream sent it needs the scopes <code
      >${RAW_SCOPES[0]}</code> and <code>${RAW_SCOPES[1]}</code>.</p>`;
}

export function Record({ row, refused, service, onClear }) {
  const [active, setActive] = useState(null);
  const columns = service.schema.filter(({ name }) => name in row);
  const lists = service.include.map(({ name }) => name);
  const from = useMemo(() => (active ? origins(active.source, service.include) : { lists: [], fields: [] }), [active]);
  const pane = useRef(null);
  useEffect(() => showLit(pane.current), [active]);
  return html`<section class="record"><h3>Record and row</h3>
    <p class="muted">Point at a column of the row, or reach it by Tab: what it is made of lights up in the record.</p>
    <${Missing} row=${row} who=${service.who} refused=${refused} onClear=${onClear} />
    <div class="beside">
      <div class="scroll raw" tabindex="0" role="region" aria-label="Record" ref=${pane}>${
        row.raw
          ? html`<${Raw} record=${row.raw} column=${active} schema=${service.schema} />`
          : lists.map((list) => html`<${Part} key=${list} list=${list} elements=${row[list] ?? []} from=${from} />`)
      }</div>
      <div class="scroll flat" role="region" aria-label="Row" tabindex="0"><table class="small">
        <thead><tr><th scope="col">Column</th><th scope="col">Value</th></tr></thead>
        <tbody onMouseLeave=${() => setActive(null)}>${columns.map(
          (column) => html`<tr key=${column.name} tabindex="0" data-column=${column.name}
          class=${active === column ? "lit" : ""}
          onMouseMove=${(event) => isMoved(event) && setActive(column)} onFocus=${() => setActive(column)}>
          <td title=${label(column.name)}><code>${column.name}</code><br />
            <span class="muted source">${column.source}</span></td>
          <td>${row[column.name] === null ? html`<span class="null"
            title=${column.null_when}>null: ${column.null_when}</span>` : html`<code>${String(row[column.name])}</code>`}</td>
        </tr>`,
        )}</tbody>
      </table></div>
    </div>
  </section>`;
}

function Part({ list, elements, from }) {
  const isLit = from.lists.includes(list);
  const known = elements.length ? Object.keys(elements[0]) : [];
  const lit = from.fields.filter((field) => known.includes(field));
  return html`<div class="part ${isLit ? "lit" : ""}"><p><b>${list}</b> <span class="muted">${elements.length}</span>
    </p>
    ${elements.map((element, place) => html`<pre
      key=${place}>${Object.entries(element).map(([name, value]) => html`<span key=${name}
      class="field ${isLit && lit.includes(name) ? "lit" : ""}">
      <span class="muted">${name}:</span> ${value === null ? "null" : String(value)}\n</span>`)}</pre>`)}
  </div>`;
}
