// Prometheus text format, read tolerantly: what is there is shown, what is not understood is passed over.
const SAMPLE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Samples as { name, labels, value }, and the words of each family by its name. */
export function samples(text) {
  const found = [];
  const words = new Map();
  for (const line of text.split("\n")) {
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    if (help) words.set(help[1], help[2]);
    const sample = line.startsWith("#") ? null : SAMPLE.exec(line);
    if (!sample || Number.isNaN(Number(sample[3].replace("Inf", "Infinity")))) continue;
    const labels = Object.fromEntries([...(sample[2] ?? "").matchAll(LABEL)].map(([, name, value]) => [name, value]));
    found.push({ name: sample[1], labels, value: Number(sample[3].replace("Inf", "Infinity")) });
  }
  return { found, words };
}

/** The sum of one family, or of those of its samples that fit. */
export function total(found, name, fits = () => true) {
  const chosen = found.filter((sample) => sample.name === name && fits(sample.labels));
  return chosen.length ? chosen.reduce((all, { value }) => all + value, 0) : null;
}

/** The first sample whose name holds one of the words: names of gauges are not ours to fix. */
export const like = (found, pattern) => found.filter(({ name }) => pattern.test(name));
