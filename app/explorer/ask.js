// Asking: one box for attributes, controls for what is asked most, and the request itself, which may be edited.
import { described } from "./api.js";
import { Icon } from "./icons.js";
import { html, useEffect, useRef, useState } from "./parts.js";
import { Combobox, Picker, offering } from "./picker.js";
import { PRESETS, chips, conditionOf, read, shared, typed, valueOf, withValue, without, written } from "./question.js";

export function Ask({ pairs, service, onAsk, faults }) {
  const [text, setText] = useState("");
  const box = useRef(null);
  const submit = async (event) => {
    event.preventDefault();
    setText("");
    if (!text.trim()) return onAsk(pairs);
    const known = await described().catch(() => ({ parameters: null }));
    onAsk([...pairs, conditionOf(text, known.parameters)]);
  };
  const { name, source, begun } = offering(text, service.parameters);
  const pick = ({ value }) => {
    setText(name === null ? `${value}=` : "");
    if (name !== null) onAsk([...pairs, [`attr.${name}`, value]]);
    return name === null; // its values are offered next
  };
  const onKey = (event) => {
    if (event.key === "Backspace" && text === "" && chips(pairs).length) removed(chips(pairs).at(-1).place);
  };
  const focus = () => box.current.querySelector("input").focus();
  const removed = (place) => {
    onAsk(pairs.filter((_, index) => index !== place));
    focus();
  };
  return html`<form class="ask" role="search" aria-label="Ask for interactions" onSubmit=${submit}>
    <div class="box" ref=${box} onClick=${(event) => event.target === event.currentTarget && focus()}>
      <${Icon} name="search" />
      ${chips(pairs).map(
        ({ pair, place }) => html`<span class="chip" key=${place}>
        <span>${typed(pair)}</span>
        <button type="button" aria-label=${`Remove ${typed(pair)}`} onClick=${() => removed(place)}>
          <${Icon} name="close" /></button>
      </span>`,
      )}
      <${Combobox} source=${source} pairs=${pairs} name="condition" text=${text} typed=${begun} enterkeyhint="search"
        label="Attribute value, or name=value" mostRows=${service.maxRows} onText=${setText} onPick=${pick}
        onKey=${onKey}
        placeholder=${chips(pairs).length ? "and …" : "Attribute value, or name=value"} />
      <button class="primary" type="submit">Ask</button>
    </div>
    <${Controls} pairs=${pairs} service=${service} onAsk=${onAsk} />
    <${Request} pairs=${pairs} onAsk=${onAsk} faults=${faults} />
  </form>`;
}

const PICKERS = [
  ["Channel", "channel_type"],
  ["Direction", "direction"],
  ["Queue", "queue_name"],
  ["Agent", "agent_id"],
  ["Flow", "flow_id"],
];

function Controls({ pairs, service, onAsk }) {
  const usual = (name) => service.parameters.get(name)?.schema.items.examples ?? [];
  const isAllowed = Boolean(service.who?.scopes.includes("pii:read"));
  const [from, to] = [valueOf(pairs, "from"), valueOf(pairs, "to")];
  const isPreset = to === null && PRESETS.some((preset) => preset.from === from);
  const [isOpen, setOpen] = useState(false);
  const preset = (event) => {
    setOpen(event.target.value === "range");
    if (event.target.value !== "range") onAsk(withValue(without(pairs, "to"), "from", event.target.value));
  };
  const showsRange = isOpen || !isPreset;
  return html`<div class="controls">
    <${Choice} label="Started" value=${showsRange ? "range" : (from ?? "")} onChange=${preset}
      options=${[...PRESETS.map((one) => [one.from ?? "", one.words]), ["range", "From … to …"]]} />
    ${showsRange && html`<${Range} pairs=${pairs} onAsk=${onAsk} />`}
    ${PICKERS.map(([label, name]) => html`<${Picker} key=${name} label=${label} name=${name} pairs=${pairs}
      mostRows=${service.maxRows} usual=${usual(name)} isAllowed=${isAllowed}
      onAsk=${(value) => onAsk(withValue(pairs, name, value))} />`)}
  </div>`;
}

function Choice({ label, value, options, onChange }) {
  return html`<label class="choice ${value ? "set" : ""}"><span>${label}</span>
    <select value=${value ?? ""} onChange=${onChange}>
      ${options.map(([one, words]) => html`<option value=${one} key=${one}
        selected=${one === (value ?? "")}>${words}</option>`)}
    </select>
  </label>`;
}

/** Two moments: picked, or typed as the API takes them. */
function Range({ pairs, onAsk }) {
  const given = { pairs, onAsk };
  return html`<${Moment} name="from" label="From" example="now-24h, 2026-11-01" ...${given} />
    <${Moment} name="to" label="To" example="now" ...${given} />`;
}

function Moment({ name, label, example, pairs, onAsk }) {
  const now = valueOf(pairs, name) ?? "";
  const [text, setText] = useState(now);
  useEffect(() => setText(now), [now]);
  const ask = (value) => value !== now && onAsk(withValue(pairs, name, value));
  return html`<label class="choice moment"><span>${label}</span>
    <input name=${name} value=${text} placeholder=${example} spellcheck="false" autocomplete="off"
      onInput=${(event) => setText(event.target.value)} onChange=${() => ask(text.trim())} />
    <input type="date" aria-label=${`Pick the day for ${label.toLowerCase()}`}
      onChange=${(event) => event.target.value && ask(event.target.value)} />
  </label>`;
}

/** What is sent, in the API's own words; whoever knows them may write here. */
function Request({ pairs, onAsk, faults }) {
  const now = written(shared(pairs));
  const [text, setText] = useState(now);
  useEffect(() => setText(now), [now]);
  const onKey = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    onAsk(read(text.replace(/^.*\?/, "")));
  };
  return html`<div class="request ${faults ? "faulty" : ""}">
    <label for="request"><span class="method">GET</span> /interactions?</label>
    <input id="request" value=${text} spellcheck="false" autocomplete="off" aria-label="The request's parameters"
      aria-invalid=${faults}
      placeholder="all, newest first" onInput=${(event) => setText(event.target.value)}
        onKeyDown=${onKey} />
  </div>`;
}
