// Which columns are shown: the `fields` of the question, ticked.
import { chosen, label, shown, toggled } from "./columns.js";
import { Dialog } from "./dialog.js";
import { html, useState } from "./parts.js";
import { withValue } from "./question.js";

export function Chooser({ pairs, schema, onAsk, onClose }) {
  const [text, setText] = useState("");
  const ticked = new Set(shown(pairs, schema).map(({ name }) => name));
  const wanted = text.trim().toLowerCase();
  const found = schema.filter(({ name, description }) =>
    `${name} ${label(name)} ${description}`.toLowerCase().includes(wanted),
  );
  const reset =
    chosen(pairs) &&
    html`<button type="button" onClick=${() => onAsk(withValue(pairs, "fields", null))}>Usual columns</button>`;
  return html`<${Dialog} title="Columns" onClose=${onClose} actions=${reset}>
    <input class="filter" type="search" value=${text} placeholder="Find a column" aria-label="Find a column" autofocus
      onInput=${(event) => setText(event.target.value)} />
    <ul class="choices">${found.map(
      ({ name, description }) => html`<li key=${name}>
      <label><input type="checkbox" checked=${ticked.has(name)}
        onChange=${() => onAsk(withValue(pairs, "fields", toggled(pairs, name)))} />
        <span><b>${label(name)}</b> <code>${name}</code><br /><span class="muted">${description}</span></span></label>
    </li>`,
    )}</ul>
    ${found.length === 0 && html`<p class="muted">No column is called that.</p>`}
  <//>`;
}
