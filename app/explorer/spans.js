// Spans of a timeline laid out in lanes, in seconds; what is open ends where the picture ends.

export const WORDS = {
  customer: "Customer",
  segment: "Segment",
  ivr: "IVR",
  queue: "Queue",
  offer: "Offer",
  conversation: "Conversation",
  hold: "On hold",
  wrap_up: "Wrap-up",
};

/** The lane of a span: [key, words]. One for each agent, one for each queue, one each for menu, hold and segments. */
function laneOf(span) {
  if (["offer", "conversation", "wrap_up"].includes(span.kind))
    return [`agent ${span.agent_id}`, span.agent_name ?? `Agent ${span.agent_id?.slice(0, 8) ?? "?"}`];
  if (span.kind === "queue") return [`queue ${span.queue_id}`, span.queue_name ?? "Queue"];
  return [span.kind, { ivr: "IVR", hold: "Hold", segment: "Segments", customer: "Customer" }[span.kind] ?? span.kind];
}
const ORDER = ["customer", "ivr", "queue", "agent", "hold", "segment"];

/** The name of a span in words. */
export function named(span) {
  const words = WORDS[span.kind] ?? span.kind;
  if (span.kind === "offer") return `Offered to ${span.agent_name ?? "an agent"}`;
  if (span.kind === "queue") return `${words} ${span.queue_name ?? ""}`.trim();
  if (span.kind === "segment") return span.segment_number === null ? words : `${words} ${span.segment_number + 1}`;
  return span.agent_name && span.kind !== "customer" ? `${words}, ${span.agent_name}` : words;
}

/** Lanes with their bars and the range they span. `now` (milliseconds) is where open spans end. */
export function layout({ started_at: start, ended_at: end, spans }, now) {
  const zero = Date.parse(start);
  const whole = {
    kind: "customer",
    offset_seconds: 0,
    started_at: start,
    ended_at: end,
    duration_seconds: end === null ? null : (Date.parse(end) - zero) / 1000,
  };
  const all = [whole, ...spans].map((span) => ({ ...span, isOpen: span.duration_seconds === null }));
  const known = all.map((span) => span.offset_seconds + (span.duration_seconds ?? 0));
  const isOpen = all.some((span) => span.isOpen);
  const last = Math.max(1, ...known, ...(isOpen ? [Math.min((now - zero) / 1000, 1.25 * Math.max(60, ...known))] : []));
  const first = Math.min(0, ...all.map((span) => span.offset_seconds));
  const lanes = new Map();
  for (const span of all) {
    const [key, words] = laneOf(span);
    if (!lanes.has(key)) lanes.set(key, { key, words, bars: [] });
    lanes.get(key).bars.push({ ...span, until: span.isOpen ? last : span.offset_seconds + span.duration_seconds });
  }
  const rank = ({ key }) => ORDER.findIndex((kind) => key.startsWith(kind));
  return { zero, first, last, lanes: [...lanes.values()].sort((one, other) => rank(one) - rank(other)) };
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800];

/** Marks of the axis and their step, in seconds: at most `most`, even by a clock that shows `clock` seconds at zero. */
export function ticks(first, last, most, clock = 0) {
  const step = STEPS.find((one) => (last - first) / one <= most) ?? 604800 * Math.ceil((last - first) / most / 604800);
  const marks = [];
  for (let at = Math.ceil((first + clock) / step) * step - clock; at <= last; at += step) marks.push(at);
  return { marks, step };
}
