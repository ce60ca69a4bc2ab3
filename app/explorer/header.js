// The head of the page: where one is, who asks, and whether any of it is real.
import { BASE } from "./api.js";
import { Icon } from "./icons.js";
import { html } from "./parts.js";

export const VIEWS = [
  { name: "interactions", words: "Interactions" },
  { name: "overview", words: "Overview" },
  { name: "facade", words: "Façade" },
  { name: "columns", words: "Columns" },
];
const TRIES = ["1234567", "VIP", "SIM-ABANDON", "SIM-10K"];

export function Header({ view, onView, result, service, onKey, onTry }) {
  const isDemo = result.source ? result.source === "simulator" : service.who?.mode === "demo";
  return html`
    ${
      isDemo &&
      html`<aside class="ribbon" aria-label="Demo">
      <p><b>Demo</b> <span>Everything here is invented by a simulator.</span> <span class="tries">Try
        ${TRIES.map((value) => html` <button type="button" key=${value}
          onClick=${() => onTry(value)}>${value}</button>`)}</span></p>
    </aside>`
    }
    <header class="head">
      <a class="brand" href=${location.pathname}><svg viewBox="0 0 16 16" width="22" height="22" aria-hidden="true">
        <path d="M2 13V5l6-3 6 3v8zM2 7.5h12M5.5 7.5V13M10.5 7.5V13" /></svg>cxfacade</a>
      <nav aria-label="Views">${VIEWS.map(
        ({ name, words }) => html`<a key=${name} href=${`#${name}`} aria-current=${view === name ? "page" : null}
        onClick=${(event) => {
          event.preventDefault();
          onView(name);
        }}>${words}</a>`,
      )}</nav>
      <div class="side">
        <a href=${`${BASE}docs`}>API reference</a>
        <button type="button" onClick=${onKey} title=${who(service.who)}><${Icon} name="key" />
          <span>${service.who ? service.who.label : "Key"}</span></button>
      </div>
    </header>`;
}

function who(viewer) {
  return viewer ? `${viewer.label}: ${viewer.scopes.join(", ")}` : "Enter a client key";
}
