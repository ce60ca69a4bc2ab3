// Figures of the rows at hand: sums and groups, nothing is guessed for rows that are not there.

const median = (numbers) => {
  if (!numbers.length) return null;
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const sum = (rows, name) => rows.reduce((total, row) => total + (row[name] ? 1 : 0), 0);

/** Service level = Σ is_sla_met / Σ is_sla_eligible; abandon rate = abandoned of those queued, without what the service level leaves out. */
export function figures(rows) {
  const queued = rows.filter((row) => row.is_queued);
  const counted = queued.filter((row) => row.sla_outcome !== "excluded");
  return {
    count: rows.length,
    open: rows.filter((row) => row.ended_at === null).length,
    met: sum(rows, "is_sla_met"),
    eligible: sum(rows, "is_sla_eligible"),
    abandoned: sum(counted, "is_abandoned"),
    offered: counted.length,
    wait: median(queued.map((row) => row.queue_seconds).filter((seconds) => seconds !== null)),
    duration: median(rows.map((row) => row.duration_seconds).filter((seconds) => seconds !== null)),
  };
}

/** Rows by the value of a column: [value, { count, abandoned }], the most first. */
export function grouped(rows, name) {
  const groups = new Map();
  for (const row of rows) {
    const group = groups.get(row[name]) ?? { count: 0, abandoned: 0, met: 0, eligible: 0 };
    group.count += 1;
    group.abandoned += row.is_abandoned ? 1 : 0;
    group.met += row.is_sla_met ? 1 : 0;
    group.eligible += row.is_sla_eligible ? 1 : 0;
    groups.set(row[name], group);
  }
  return [...groups].sort(([, one], [, other]) => other.count - one.count);
}

const STEPS = [60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400, 91 * 86_400, 365 * 86_400];
const MOST_BINS = 60;

/** Interactions over time: bins of an even length, in seconds since the epoch; rows far from all others are left to the edge. */
export function overTime(rows) {
  const starts = rows.map((row) => Date.parse(row.started_at) / 1000);
  const first = earliest([...starts].sort((one, other) => one - other));
  const last = Math.max(...starts);
  const step = STEPS.find((one) => (last - first) / one <= MOST_BINS) ?? STEPS.at(-1);
  const zero = Math.floor(first / step) * step;
  const length = Math.floor((last - zero) / step) + 1;
  const [counts, abandoned] = [new Array(length).fill(0), new Array(length).fill(0)];
  rows.forEach((row, place) => {
    const bin = Math.floor((starts[place] - zero) / step);
    if (bin < 0) return;
    counts[bin] += 1;
    if (row.is_abandoned) abandoned[bin] += 1;
  });
  return {
    step,
    times: counts.map((_, bin) => zero + bin * step),
    counts,
    abandoned,
    before: starts.filter((start) => start < zero).length,
  };
}

/** Where the picture begins: a few rows of years ago would squeeze all others into one bin. */
function earliest(sorted) {
  const [first, early, last] = [sorted[0], sorted[Math.floor(sorted.length * 0.02)], sorted.at(-1)];
  return last - first > 10 * (last - early) && last > early ? early : first;
}

const WAITS = [5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, Infinity];

/** Waits in queues by length: [upper bound in seconds, answered, abandoned]. */
export function waits(rows) {
  const bins = WAITS.map((upper) => ({ upper, answered: 0, abandoned: 0 }));
  for (const row of rows) {
    if (row.queue_seconds === null) continue;
    const bin = bins.find(({ upper }) => row.queue_seconds < upper);
    bin[row.is_abandoned ? "abandoned" : "answered"] += 1;
  }
  return bins;
}
