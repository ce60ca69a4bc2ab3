// Names that were seen in rows: offered where one asks. Values are never kept.
const KEPT = "cxfacade.names";
const known = {
  names: new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]")),
  queues: new Set(),
  channels: new Set(),
};
let last = null;
let counted = 0;

/** Learn from rows; those looked at before are passed over. */
export function learnt(rows) {
  const start = rows === last ? rows.length : rows[0] === last?.[0] && rows.length >= counted ? counted : 0;
  const before = known.names.size;
  for (let place = start; place < rows.length; place += 1) {
    const row = rows[place];
    if (row.first_queue_name) known.queues.add(row.first_queue_name);
    if (row.channel_type) known.channels.add(row.channel_type);
    for (const { name, kind } of row.attributes ?? [])
      if (name && kind === "interaction-attribute") known.names.add(name);
  }
  [last, counted] = [rows, rows.length];
  if (known.names.size > before) sessionStorage.setItem(KEPT, JSON.stringify([...known.names].slice(0, 200)));
}

const sorted = (names) => [...names].sort((one, other) => one.localeCompare(other));

export function seen() {
  return { names: sorted(known.names), queues: sorted(known.queues), channels: sorted(known.channels) };
}
