// The same question elsewhere: text to copy, and files to take away.
import { BASE, PUBLIC, credentials, keyOf } from "./api.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";
import { html, useEffect, useRef, useState } from "./parts.js";
import { shared, valueOf, written } from "./question.js";
import { KINDS, SNIPPETS, beyond, whole } from "./snippets.js";
import { count } from "./words.js";

export function Share({ pairs, service, total, kind: usualKind, onClose }) {
  const [kind, setKind] = useState(usualKind);
  const [chosen, setChosen] = useState(0);
  const tabs = useRef(null);
  const snippet = SNIPPETS[chosen];
  const { schema, maxRows, parameters } = service;
  const usual = parameters.get("limit")?.schema.default ?? maxRows ?? 0;
  const asked = KINDS[kind].of({ pairs: shared(pairs), schema, maxRows: maxRows ?? usual });
  const given = { ...asked, base: PUBLIC, usual, total, hasKey: Boolean(keyOf()) };
  const text = snippet.write(given);
  const onKey = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const to = (chosen + step + SNIPPETS.length) % SNIPPETS.length;
    setChosen(to);
    tabs.current.children[to].focus();
  };
  return html`<${Dialog} title="The same question elsewhere" kind="wide" onClose=${onClose}>
    <div class="tabs" role="tablist" aria-label="Language" ref=${tabs} onKeyDown=${onKey}>
      ${SNIPPETS.map(
        (
          { name },
          place,
        ) => html`<button type="button" role="tab" key=${name} id=${`tab-${place}`} aria-selected=${place === chosen}
        aria-controls="snippet" tabindex=${place === chosen ? 0 : -1}
          onClick=${() => setChosen(place)}>${name}</button>`,
      )}
    </div>
    <div role="tabpanel" id="snippet" aria-labelledby=${`tab-${chosen}`}>
      <label class="kind">As <select onChange=${(event) => setKind(event.target.value)}>
        ${Object.entries(KINDS).map(
          ([name, { words }]) => html`<option key=${name} value=${name} selected=${name === kind}>${words}</option>`,
        )}
      </select></label>
      <p class="above"><span class="muted">${snippet.words(given)} Times are
        from (included) to (excluded).${given.hasKey && html` The key goes as <code>X-API-Key</code>, or as
        <code>Authorization: Bearer</code>.`}</span><${Copy} text=${text} /></p>
      <pre tabindex="0" aria-label=${snippet.name}><code>${text}</code></pre>
    </div>
  <//>`;
}

export function Copy({ text }) {
  const [isDone, setDone] = useState(false);
  useEffect(() => setDone(false), [text]);
  const copy = async () => {
    await copied(text);
    setDone(true);
  };
  return html`<button type="button" onClick=${copy}><${Icon} name="copy" />
    <span aria-live="polite">${isDone ? "Copied" : "Copy"}</span></button>`;
}

/** Into the clipboard; over plain HTTP from another machine browsers have only the old way. */
async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text });
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

const FILES = [
  { words: "CSV", path: "interactions.csv", more: [], note: "RFC 4180", isStreamed: true },
  {
    words: "CSV for Excel",
    path: "interactions.csv",
    more: [["csv", "excel"]],
    note: "byte-order mark, formulas disarmed",
    isStreamed: true,
  },
  { words: "NDJSON", path: "interactions.ndjson", more: [], note: "a row a line", isStreamed: true },
  { words: "JSON", path: "interactions.json", more: [], note: "with its envelope" },
];

/** Whether a question brings all of its rows as a stream: it has no limit of its own, and no order that needs them all. */
const isWhole = (pairs) => !valueOf(pairs, "limit") && !valueOf(pairs, "sort");

/** Where each file is: a stream of all rows where that is offered, else of as many as one answer may hold. */
export function files(pairs, maxRows) {
  const asked = shared(pairs);
  return FILES.map((file) => {
    const own = file.isStreamed && isWhole(asked) ? [...asked, ["limit", "all"]] : whole(asked, maxRows);
    return { ...file, url: `${BASE}${file.path}?${written([...own, ...file.more, ["download", "1"]])}` };
  });
}

/** How many rows the files hold. */
export function held(pairs, maxRows, total) {
  if (!isWhole(pairs)) {
    const limit = Number(valueOf(pairs, "limit")) || maxRows;
    return `A file holds ${count(limit)} rows at most${beyond(limit, total)}.`;
  }
  const isKnown = Number.isInteger(total);
  const all = isKnown ? `all ${count(total)} rows` : "all rows that match";
  return `CSV and NDJSON hold ${all}${isKnown && total <= maxRows ? ", JSON too" : `; JSON ${count(maxRows)} at most`}.`;
}

export function Downloads({ pairs, maxRows, total, onProblem }) {
  const menu = useRef(null);
  const shut = (event) => {
    if (event.type === "keydown" ? event.key === "Escape" : !menu.current.contains(event.relatedTarget))
      menu.current.open = false;
  };
  return html`<details class="menu" ref=${menu} onFocusOut=${shut} onKeyDown=${shut}>
    <summary><${Icon} name="download" />Download</summary>
    <ul>${files(pairs, maxRows).map(
      ({ words, note, url }) => html`<li key=${words}>
      <a href=${url} download onClick=${(event) => keyOf() && taken(event, url, onProblem)}>
        <b>${words}</b> <span class="muted">${note}</span></a>
    </li>`,
    )}
      ${maxRows !== null && html`<li class="bound muted">${held(pairs, maxRows, total)}</li>`}</ul>
  </details>`;
}

/** With a key, a link alone would not do: the key goes into a header, never into a URL. */
async function taken(event, url, onProblem) {
  event.preventDefault();
  const answer = await fetch(url, { headers: credentials() });
  if (!answer.ok) {
    onProblem(await answer.json());
    return;
  }
  const file = await answer.blob().catch(() => null);
  if (!file) {
    onProblem({ title: "The file broke off", detail: "What came of it is a part, and was not saved. Ask again." });
    return;
  }
  const [, name] = /filename="?([^";]+)/.exec(answer.headers.get("content-disposition") ?? "") ?? [
    null,
    "interactions",
  ];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
