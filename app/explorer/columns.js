// The columns of the table: which are shown, how wide, under which words. The API's `/schema` is the source of all else.
import { valueOf } from "./question.js";

/** Shown where the question names no fields. */
const USUAL = [
  "started_at",
  "channel_type",
  "customer_masked",
  "first_queue_name",
  "first_agent_name",
  "duration_seconds",
];
/** Always asked for: made columns, cards and the way into one interaction need them. */
const NEEDED = [
  "interaction_id",
  "started_at",
  "ended_at",
  "channel_type",
  "direction",
  "first_queue_name",
  "first_agent_name",
  "customer_masked",
  "duration_seconds",
  "abandon_stage",
  "sla_outcome",
  "is_answered",
  "is_abandoned",
  "is_short_abandon",
];
const LABELS = {
  channel_type: "Channel",
  customer_masked: "Customer",
  customer: "Customer, clear",
  customer_key: "Customer key",
  queue_seconds: "In queues",
  sla_outcome: "Service level",
  interaction_id: "Interaction",
  time_to_answer_seconds: "Time to answer",
  csat_score: "CSAT",
  started_on: "Day",
  started_hour: "Hour",
};
const WIDTHS = { time: 146, date: 96, bool: 84, float: 104, int: 76, uuid: 116, enum: 118, string: 126 };
/** Pixels: room for a typical value, and for the head, whose second line has the name in small. */
const width = (type, label, name) =>
  Math.min(190, Math.max(WIDTHS[type] ?? 124, 8.2 * label.length + 36, 6.35 * name.length + 28));

export const isNumber = (type) => ["float", "int", "wait"].includes(type);

/** "first_queue_name" → "First queue" */
export function label(name) {
  if (LABELS[name]) return LABELS[name];
  const words = name
    .replace(/^(is|attr)_/, "")
    .replace(/_(at|on|seconds|name|count|type)$/, "")
    .replaceAll("_", " ");
  return words.replace(/\b(id|ivr|sla)\b/g, (word) => word.toUpperCase()).replace(/^./, (first) => first.toUpperCase());
}

/** Fields of a question as [shown as, column]; null where it names none. */
export function chosen(pairs) {
  const text = valueOf(pairs, "fields");
  return text === null
    ? null
    : text
        .split(",")
        .map((field) => field.split(":").map((part) => part.trim()))
        .map(([output, column]) => [output, column ?? output]);
}

/** The columns shown for a question, in order; of those the schema does not know, nothing but the name is known. */
export function shown(pairs, schema) {
  const known = new Map(schema.map((column) => [column.name, column]));
  const fields = chosen(pairs) ?? USUAL.map((name) => [name, name]);
  const columns = fields.map(([output, name]) => {
    const column = known.get(name) ?? { name, type: "string", description: "", null_when: null };
    const words = output === name ? label(name) : output;
    return { ...column, label: words, width: Math.round(width(column.type, words, name)) };
  });
  const isUsual = chosen(pairs) === null;
  return isUsual
    ? [columns[0], ...MADE, ...columns.slice(1), ATTRIBUTES]
    : [...columns.slice(0, 1), ...MADE, ...columns.slice(1)];
}

/** The names to ask for: what is shown and what is needed besides. */
export function asked(pairs) {
  return [...new Set([...(chosen(pairs) ?? []).map(([, name]) => name), ...USUAL, ...NEEDED])];
}

const made = (type, label, width, description) => ({ name: type, type, label, width, description, isMade: true });
const MADE = [
  made("state", "State", 106, "Answered, abandoned, open, or ended otherwise."),
  made("level", "SLA", 108, "Of the first queue entry: met, missed, or not counted."),
  made("wait", "Wait", 108, "Of the first queue entry, until the answer or its end: what the service level judges."),
];
const ATTRIBUTES = made(
  "attributes",
  "Attributes",
  320,
  "Custom reporting attributes; a click asks for all with the same value.",
);

/** The fields of a question with one column more or less. */
export function toggled(pairs, name) {
  const now = chosen(pairs) ?? USUAL.map((one) => [one, one]);
  const rest = now.filter(([, column]) => column !== name);
  const fields = rest.length === now.length ? [...now, [name, name]] : rest;
  const text = fields.map(([output, column]) => (output === column ? column : `${output}:${column}`)).join(",");
  return text === USUAL.join(",") ? null : text;
}
