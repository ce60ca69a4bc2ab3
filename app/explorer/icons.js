// Small drawings, one path each on a grid of 16; decoration only, a word always stands beside.
import { html } from "./parts.js";

const PATHS = {
  voice: "M4 2h2.2l1.2 3-1.5 1.2a8 8 0 0 0 3.9 3.9L11 8.6l3 1.2V12a2 2 0 0 1-2 2A10 10 0 0 1 2 4a2 2 0 0 1 2-2Z",
  email: "M2 4h12v8H2zM2 4.5 8 9l6-4.5",
  sms: "M2.5 3h11v7.5H8L5 13.5v-3H2.5zM5 6h6M5 8h4",
  messaging: "M2.5 3h11v7.5H8L5 13.5v-3H2.5zM5.5 6.8h.01M8 6.8h.01M10.5 6.8h.01",
  "work-item": "M3 5h10v8H3zM6 5V3h4v2M3 8.5h10",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.3 10.3 14 14",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  download: "M8 2v8M4.8 7 8 10.2 11.2 7M2.5 13.5h11",
  code: "M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  refresh: "M13.5 8A5.5 5.5 0 1 1 11.7 4M13.5 2v3.2h-3.2",
  key: "M10.5 2.5a3 3 0 1 1-1.8 5.4L3 13.5H2.5V11L7.9 6.9a3 3 0 0 1 2.6-4.4ZM11 5h.01",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  before: "M10 3 5 8l5 5",
  after: "M6 3l5 5-5 5",
  warning: "M8 2 14.5 13.5h-13zM8 6.5v3.2M8 11.6h.01",
  inbound: "M13 3 4 12M4 6v6h6",
  outbound: "M3 13l9-9M6 4h6v6",
  "agent-initiated": "M3 13l9-9M6 4h6v6",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
    <path d=${PATHS[name] ?? "M8 8h.01"} />
  </svg>`;
}
