// The question: the parameters of `/interactions` as [name, value] pairs. The page's own URL holds it in the same words.

/** Parameters that this page decides itself: they say how an answer looks, not what it holds. */
const REPRESENTATION = new Set(["format", "shape", "csv", "download", "cursor", "include"]);
/** Conditions with a control of their own; all others are shown as chips. */
const CONTROLLED = new Set(
  "from to channel_type direction queue_name agent_id flow_id fields sort limit".split(" "),
);

export const PRESETS = [
  { from: null, words: "Any time" },
  { from: "now-1h", words: "Last hour" },
  { from: "now-24h", words: "24 hours" },
  { from: "now-7d/d", words: "7 days" },
  { from: "now-30d/d", words: "30 days" },
];

export function read(search) {
  return [...new URLSearchParams(search)].filter(([name]) => !name.startsWith("_"));
}

/** As a query string that people can read: only what must be escaped is. */
export function written(pairs) {
  const escaped = (text) => encodeURIComponent(text).replace(/%(3A|2C|2F|40|24)/g, decodeURIComponent);
  return pairs.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join("&");
}

export const valuesOf = (pairs, name) => pairs.filter(([known]) => known === name).map(([, value]) => value);
export const valueOf = (pairs, name) => valuesOf(pairs, name)[0] ?? null;
export const without = (pairs, name) => pairs.filter(([known]) => known !== name);

/** The question with one value, or none, of a name. */
export function withValue(pairs, name, value) {
  return value ? [...without(pairs, name), [name, value]] : without(pairs, name);
}

/** The question with these values, each in place of those it had of that name. */
export const withAll = (pairs, more) => more.reduce((all, [name, value]) => withValue(all, name, value), pairs);

/**
 * What a typed text asks: a value, `name=value`, `name=*`, or a parameter by its own name. `parameters` are the API's, by
 * name; where they are not known (null) the API itself decides.
 */
export function conditionOf(text, parameters) {
  const [, name, value] = /^([^=]+?)\s*=\s*(.*)$/s.exec(text.trim()) ?? [];
  if (name === undefined) return ["attr", text.trim()];
  const isParameter = parameters === null || (parameters.has(name) && !REPRESENTATION.has(name));
  if (isParameter || name.startsWith("attr.")) return [name, value];
  return value === "*" || value === "" ? ["attr_name", name] : [`attr.${name}`, value];
}

/** The condition in the words one would type. */
export function typed([name, value]) {
  if (name === "attr") return value;
  if (name === "attr_name") return `${value}=*`;
  return `${name.startsWith("attr.") ? name.slice(5) : name}=${value}`;
}

/** Chips: the conditions without a control, and repeats that a control cannot show, each with its place. */
export function chips(pairs) {
  const repeated = (name) => valuesOf(pairs, name).length > 1;
  return pairs
    .map((pair, place) => ({ pair, place }))
    .filter(({ pair: [name] }) => !CONTROLLED.has(name) || (repeated(name) && !REPRESENTATION.has(name)))
    .filter(({ pair: [name] }) => !REPRESENTATION.has(name));
}

/** The question as this page sends it, with the columns and the page length it needs; without one the service's own. */
export function sent(pairs, fields, limit) {
  const own = pairs.filter(([name]) => !REPRESENTATION.has(name) && name !== "fields" && name !== "limit");
  return withValue([...own, ["fields", fields.join(",")], ["include", "attributes,queues"]], "limit", limit && String(limit));
}

/** The question as others would send it: what the URL says, without this page's own choices. */
export function shared(pairs) {
  return pairs.filter(([name]) => !REPRESENTATION.has(name));
}
