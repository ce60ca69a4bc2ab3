// A box that offers values: those that occur within the range in force, counted by a summary. Where that fails it is a
// box for text. By the combobox pattern of the ARIA Authoring Practices.
import { Refusal, ask } from "./api.js";
import { html, useEffect, useId, useState } from "./parts.js";
import { valueOf, written } from "./question.js";
import { count } from "./words.js";

const REST = 150; // milliseconds without a key before values are asked for
const MOST = 100; // values, or fewer where the service gives fewer rows in one answer

/**
 * Where the values of a box are from: `by` names the column of the value, and the one of its words where that is another,
 * `more` are conditions. Columns of personal data are asked for only where clear views are allowed.
 */
export const SOURCES = {
  attribute: { grain: "interaction-attributes", by: ["name"], more: [] },
  channel_type: { grain: "interactions", by: ["channel_type"], more: [] },
  direction: { grain: "interactions", by: ["direction"], more: [] },
  queue_name: { grain: "queue-entries", by: ["queue_name"], more: [] },
  agent_id: {
    grain: "agent-legs",
    by: ["agent_id", "agent_name"],
    more: [["is_accepted", "true"]],
    isPersonal: true,
  },
  flow_id: { grain: "interactions", by: ["flow_id", "flow_name"], more: [] },
};

/**
 * What is offered for a text of `name=value`: names of attributes, behind one its values, behind a parameter nothing, as
 * { name, source, begun }; `begun` is the part of the text that offers begin with.
 */
export function offering(text, parameters) {
  const [, written, begun] = /^\s*([^=]+?)\s*=\s*(.*)$/s.exec(text) ?? [];
  if (written === undefined) return { name: null, source: text.trim() ? SOURCES.attribute : null, begun: text };
  if (parameters.has(written)) return { name: written, source: null, begun };
  const name = written.replace(/^attr\./, "");
  return { name, source: { grain: "interaction-attributes", by: ["value"], more: [["name", name]] }, begun };
}

/** The summary's parameters for values that begin with a text, in the range of the question. */
export function asking({ by, more }, pairs, text, mostRows) {
  const range = pairs.filter(([name]) => name === "from" || name === "to");
  const begun = text ? [[`${by.at(-1)}.prefix`, text]] : [];
  const limit = String(Math.min(MOST, mostRows ?? MOST));
  const shown = Object.entries({ by: by.join(","), measures: "count", sort: "-count", limit });
  return [...range, ...more, ...begun, ...shown];
}

const words = new Map(); // of values that were offered under other words

/** The values that begin with a text, the most frequent first, as { value, words, count }; [] until they are known. */
function useOffers(source, pairs, text, isWanted, mostRows, usual) {
  const [offers, setOffers] = useState([]);
  const asked = source && isWanted ? asking(source, pairs, text, mostRows) : null;
  useEffect(() => {
    if (!asked) return setOffers([]);
    const abort = new AbortController();
    const look = async () => {
      try {
        const { body } = await ask(`${source.grain}/summary`, asked, { signal: abort.signal });
        const [value, named] = [source.by[0], source.by.at(-1)];
        const found = body.items.filter((row) => row[value] !== null);
        found.forEach((row) => words.set(row[value], row[named] ?? row[value]));
        setOffers(found.map((row) => ({ value: row[value], words: row[named] ?? row[value], count: row.count })));
      } catch (error) {
        if (error.name === "AbortError") return;
        if (!(error instanceof Refusal)) throw error;
        setOffers(usual.map((value) => ({ value, words: value })));
      }
    };
    const timer = setTimeout(look, REST);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [asked && written(asked)]);
  return offers;
}

/** A text box with a list of offers, which stays open where `onPick` says true; `first` are offers before those found. */
export function Combobox(options) {
  const { source, pairs, mostRows, text, typed = text, usual = [], first = [], opens, onText, onPick, onKey } = options;
  const { name, placeholder, title, enterkeyhint, onBlur, label } = options;
  const list = useId();
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const offers = useOffers(source, pairs, typed, isOpen, mostRows, usual);
  const shown = isOpen && offers.length ? [...first, ...offers] : [];
  const pick = (offer) => {
    setActive(-1);
    setOpen(onPick(offer) === true);
  };
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setOpen(true);
      setActive((active + 1 + step + shown.length + 1) % (shown.length + 1) - 1);
    } else if (event.key === "Enter" && shown[active]) {
      event.preventDefault();
      pick(shown[active]);
    } else if (event.key === "Escape" && shown.length) {
      event.stopPropagation();
      setOpen(false);
    } else {
      if (event.key === "Enter") setOpen(false);
      onKey?.(event);
    }
  };
  const onInput = (event) => {
    setOpen(true);
    setActive(-1);
    onText(event.target.value);
  };
  return html`<input name=${name} value=${text} placeholder=${placeholder} title=${title} enterkeyhint=${enterkeyhint}
      role="combobox" aria-label=${label} aria-expanded=${shown.length > 0} aria-autocomplete="list"
      aria-controls=${list} aria-activedescendant=${shown[active] ? `${list}-${active}` : null} autocomplete="off"
      spellcheck="false" onInput=${onInput} onKeyDown=${onKeyDown} onClick=${() => opens && setOpen(true)}
      onBlur=${() => {
        setOpen(false);
        onBlur?.();
      }} />
    ${
      shown.length > 0 &&
      html`<ul class="offers" id=${list} role="listbox" aria-label=${label}>${shown.map(
        (offer, place) => html`<li key=${offer.value} id=${`${list}-${place}`} role="option"
        aria-selected=${place === active}
        ref=${(line) => place === active && line?.scrollIntoView({ block: "nearest" })}
        onMouseDown=${(event) => event.preventDefault()} onClick=${() => pick(offer)}><span>${offer.words}</span>${" "}
        ${offer.count !== undefined && html`<span class="muted">${count(offer.count)}</span>`}</li>`,
      )}</ul>`
    }`;
}

/** One condition's box: its value is asked for when it is picked, or typed and entered. */
export function Picker({ label, name, pairs, mostRows, usual, isAllowed, onAsk }) {
  const value = valueOf(pairs, name);
  const shown = value === null ? "" : (words.get(value) ?? value);
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const source = SOURCES[name];
  const take = (next) => (next === value ? setText(shown) : onAsk(next));
  const entered = () => text !== shown && take(text.trim() || null);
  const onKey = (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      entered();
    } else if (event.key === "Escape") setText(shown);
  };
  return html`<div class="choice ${value ? "set" : ""}"><span aria-hidden="true">${label}</span>
    <${Combobox} source=${source.isPersonal && !isAllowed ? null : source} pairs=${pairs} mostRows=${mostRows}
      usual=${usual} opens text=${text}
      typed=${text === shown ? "" : text} name=${name} label=${label} placeholder="Any" title=${shown}
      first=${value ? [{ value: null, words: "Any" }] : []} onText=${setText}
      onPick=${(offer) => take(offer.value)} onKey=${onKey} onBlur=${entered} />
  </div>`;
}
