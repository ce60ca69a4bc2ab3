// A client key, kept for this tab only and sent as X-API-Key.
import { keep, keyOf } from "./api.js";
import { Dialog } from "./dialog.js";
import { html } from "./parts.js";

export function Key({ onClose, onChange }) {
  const submit = (event) => {
    event.preventDefault();
    keep(new FormData(event.target).get("key").trim());
    onChange();
  };
  const forget = () => {
    keep(null);
    onChange();
  };
  return html`<${Dialog} title="Client key" onClose=${onClose}>
    <form class="key" onSubmit=${submit}>
      <label>Key<input name="key" type="password" autocomplete="off" spellcheck="false" required autofocus
        placeholder="cxf_…" /></label>
      <p class="muted">It stays in this tab, is sent as <code>X-API-Key</code>, and is gone when the tab closes. It is never part of a URL.</p>
      <p class="actions"><button class="primary" type="submit">Use this key</button>
        ${keyOf() && html`<button type="button" onClick=${forget}>Forget the key</button>`}</p>
    </form>
  <//>`;
}
