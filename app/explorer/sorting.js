// Order of rows at hand: as the API sorts, nulls last either way, ties by identity.

/** "-started_at" → { column, descending } */
export function orderOf(sort) {
  return { column: sort.replace(/^-/, ""), descending: sort.startsWith("-") };
}

/** The rows in a new order. */
export function ordered(rows, sort) {
  const { column, descending } = orderOf(sort);
  const turn = descending ? -1 : 1;
  return rows.toSorted((one, other) => {
    const [left, right] = [one[column], other[column]];
    if (left === right) return one.interaction_id < other.interaction_id ? -1 : 1;
    if (left === null) return 1;
    if (right === null) return -1;
    return left < right ? -turn : turn;
  });
}

/** What a click on a column's head asks for: first descending for times and numbers, ascending for texts, then turned. */
export function nextSort(current, column, type) {
  const first = ["time", "date", "float", "int", "bool"].includes(type) ? `-${column}` : column;
  if (current.replace(/^-/, "") !== column) return first;
  return current.startsWith("-") ? column : `-${column}`;
}
