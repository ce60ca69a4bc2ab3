// What went wrong, in the API's own words, with what can be done about it.
import { BASE } from "./api.js";
import { Icon } from "./icons.js";
import { html } from "./parts.js";

export function Problem({ problem, onRename, onRetry, onKey }) {
  const errors = problem.errors ?? [];
  return html`<section class="problem" role="alert" aria-label="The API's answer">
    <h2><${Icon} name="warning" />${problem.title}</h2>
    ${errors.length === 0 && html`<p>${problem.detail}</p>`}
    <ul>${errors.map(
      (fault, place) => html`<li key=${place}>
      <code>${fault.parameter}</code> <span>${fault.detail}</span>
      ${fault.did_you_mean && html`<button type="button"
        onClick=${() => onRename(fault)}>Use <code>${fault.did_you_mean}</code></button>`}
      ${fault.allowed?.length > 0 && html`<p
        class="muted">Allowed: ${fault.allowed.slice(0, 12).join(", ")}${fault.allowed.length > 12 && " …"}</p>`}
    </li>`,
    )}</ul>
    <p class="actions">
      ${problem.retryable && html`<button type="button" class="primary" onClick=${onRetry}>Ask again</button>`}
      ${problem.status === 401 && html`<button type="button" class="primary" onClick=${onKey}>Enter a key</button>`}
      ${problem.code && html`<a href=${`${BASE}problems/${problem.code}`} target="_blank"
        rel="noopener">What this means</a>`}
      ${problem.status && html`<span class="muted">${problem.status} ${problem.code}</span>`}
      ${problem.request_id && html`<span class="muted">request ${problem.request_id}</span>`}
    </p>
  </section>`;
}
