// The record as upstream sent it, line by line; the lines that a column is made of light up.
import { html, useMemo } from "./parts.js";

/** What the words of a `source` mean that are no field's name: paths of fields, in which lists have no numbers. */
const MEANT = [
  [/\bstarted\b/, ["startTimestamp"]],
  [/\bended\b/, ["endTimestamp"]],
  [/queue start\b/, ["queues.startTimestamp"]],
  [/start by transfer/, ["segments.segmentStartType"]],
  [/\baccepted\b/, ["agents.agentWorkAccepted"]],
];
const HOOKS = [/\b(hookName|interactionHookId)\b/, ["hooks", "interactionAttributes"]];
const EVERYWHERE = [
  [/the whole record/, /^/],
  [/all endTimestamps/, /\bendTimestamp$/],
  [/all its timestamps/, /(timestamp|\bupdated|\bcreated)$/i],
];
const WORD = /[A-Za-z]\w*(\[\])?(\.\w+(\[\])?)*/g;

/** The record's lines as JSON writes them, each with the path of what it shows. */
export function lines(value, path = "", name = "", depth = 0, end = "") {
  const lead = `${"  ".repeat(depth)}${name && `${JSON.stringify(name)}: `}`;
  const isList = Array.isArray(value);
  const parts = value !== null && typeof value === "object" ? Object.entries(value) : [];
  if (!parts.length) return [{ path, text: `${lead}${JSON.stringify(value)}${end}` }];
  const inside = parts.flatMap(([key, part], place) => {
    const comma = place < parts.length - 1 ? "," : "";
    const below = isList ? path : `${path && `${path}.`}${key}`;
    return lines(part, below, isList ? "" : key, depth + 1, comma);
  });
  const close = { path, text: `${"  ".repeat(depth)}${isList ? "]" : "}"}${end}` };
  return [{ path, text: `${lead}${isList ? "[" : "{"}` }, ...inside, close];
}

/** Whether a path is one that a column's source names. `sources` are all columns', `known` the record's paths. */
export function origin(source, sources, known) {
  const everywhere = EVERYWHERE.find(([words]) => words.test(source));
  if (everywhere) return (path) => everywhere[1].test(path);
  const found = [...named(source, sources, known)];
  const narrow = found.filter((path) => !found.some((other) => other.startsWith(`${path}.`)));
  return (path) => narrow.some((one) => path === one || path.startsWith(`${one}.`));
}

function named(source, sources, known) {
  const words = (source.match(WORD) ?? []).map((word) => word.replaceAll("[]", ""));
  const lists = words.map((word) => word.split(".")[0]).filter((word) => source.includes(`${word}[]`));
  const within = [...lists, ...(HOOKS[0].test(source) ? HOOKS[1] : [])];
  const meant = MEANT.filter(([said]) => said.test(source)).flatMap(([, paths]) => paths);
  const found = words.flatMap((word) => {
    if (sources.has(word)) return [...named(sources.get(word), new Map(), known)];
    const inside = within.map((list) => `${list}.${word}`).filter((path) => known.has(path));
    return inside.length ? inside : [word];
  });
  return new Set([...meant, ...found].filter((path) => known.has(path)));
}

export function Raw({ record, column, schema }) {
  const written = useMemo(() => lines(record), [record]);
  const known = useMemo(() => new Set(written.map(({ path }) => path)), [written]);
  const sources = useMemo(() => new Map(schema.map(({ name, source }) => [name, source])), [schema]);
  const isLit = column ? origin(column.source, sources, known) : () => false;
  return html`<pre>${written.map(({ path, text }, place) => html`<span key=${place}
    class=${isLit(path) ? "field lit" : "field"}>${text}\n</span>`)}</pre>`;
}
