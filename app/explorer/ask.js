// Asking: one box for attributes, controls for what is asked most, and the request itself, which may be edited.
import { described } from "./api.js";
import { Icon } from "./icons.js";
import { html, useEffect, useRef, useState } from "./parts.js";
import { PRESETS, chips, conditionOf, read, shared, typed, valueOf, withValue, without, written } from "./question.js";

export function Ask({ pairs, seen, parameters, onAsk, faults }) {
  const [text, setText] = useState("");
  const box = useRef(null);
  const submit = async (event) => {
    event.preventDefault();
    setText("");
    if (!text.trim()) return onAsk(pairs);
    const known = await described().catch(() => ({ parameters: null }));
    onAsk([...pairs, conditionOf(text, known.parameters)]);
  };
  const onKey = (event) => {
    if (event.key === "Backspace" && text === "" && chips(pairs).length) removed(chips(pairs).at(-1).place);
  };
  const removed = (place) => {
    onAsk(pairs.filter((_, index) => index !== place));
    box.current.focus();
  };
  return html`<form class="ask" role="search" aria-label="Ask for interactions" onSubmit=${submit}>
    <div class="box" onClick=${(event) => event.target === event.currentTarget && box.current.focus()}>
      <${Icon} name="search" />
      ${chips(pairs).map(
        ({ pair, place }) => html`<span class="chip" key=${place}>
        <span>${typed(pair)}</span>
        <button type="button" aria-label=${`Remove ${typed(pair)}`} onClick=${() => removed(place)}>
          <${Icon} name="close" /></button>
      </span>`,
      )}
      <input ref=${box} name="condition" value=${text} list="names" autocomplete="off" spellcheck="false"
        enterkeyhint="search"
        aria-label="Attribute value, or name=value"
          placeholder=${chips(pairs).length ? "and …" : "Attribute value, or name=value"}
        onInput=${(event) => setText(event.target.value)} onKeyDown=${onKey} />
      <datalist id="names">${seen.names.map((name) => html`<option value=${`${name}=`} key=${name}>
        </option>`)}</datalist>
      <button class="primary" type="submit">Ask</button>
    </div>
    <${Controls} pairs=${pairs} seen=${seen} parameters=${parameters} onAsk=${onAsk} />
    <${Request} pairs=${pairs} onAsk=${onAsk} faults=${faults} />
  </form>`;
}

function Controls({ pairs, seen, parameters, onAsk }) {
  const usual = (name) => parameters.get(name)?.schema.items.examples ?? [];
  const [from, to] = [valueOf(pairs, "from"), valueOf(pairs, "to")];
  const isPreset = to === null && PRESETS.some((preset) => preset.from === from);
  const [isOpen, setOpen] = useState(false);
  const choose = (name) => (event) => onAsk(withValue(pairs, name, event.target.value));
  const preset = (event) => {
    setOpen(event.target.value === "range");
    if (event.target.value !== "range") onAsk(withValue(without(pairs, "to"), "from", event.target.value));
  };
  const showsRange = isOpen || !isPreset;
  return html`<div class="controls">
    <${Choice} label="Started" value=${showsRange ? "range" : (from ?? "")} onChange=${preset}
      options=${[...PRESETS.map((one) => [one.from ?? "", one.words]), ["range", "From … to …"]]} />
    ${showsRange && html`<${Range} pairs=${pairs} onAsk=${onAsk} />`}
    <${Choice} label="Channel" value=${valueOf(pairs, "channel_type")} onChange=${choose("channel_type")}
      options=${offered(usual("channel_type"), seen.channels, valueOf(pairs, "channel_type"))} />
    <${Choice} label="Direction" value=${valueOf(pairs, "direction")} onChange=${choose("direction")}
      options=${offered(usual("direction"), [], valueOf(pairs, "direction"))} />
    <${Choice} label="Queue" value=${valueOf(pairs, "queue_name")} onChange=${choose("queue_name")}
      options=${offered([], seen.queues, valueOf(pairs, "queue_name"))} />
  </div>`;
}

/** "Any" and every value known or chosen. */
function offered(known, seen, chosen) {
  const values = [...new Set([...known, ...seen, ...(chosen ? [chosen] : [])])];
  return [["", "Any"], ...values.map((value) => [value, value])];
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
      placeholder="all interactions, newest first" onInput=${(event) => setText(event.target.value)}
        onKeyDown=${onKey} />
  </div>`;
}
