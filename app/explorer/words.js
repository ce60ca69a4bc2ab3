// Numbers and times in words; the exact value stands beside, as a title.

/** 47.2 → "47 s", 312 → "5 min 12 s", 7380 → "2 h 3 min". Below ten seconds with a decimal. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return null;
  if (seconds < 0) return `−${duration(-seconds)}`;
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const steps = [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const at = steps.findIndex(([size]) => whole >= size);
  const [[size, unit], [next, below]] = [steps[at], steps[at + 1]];
  const rest = Math.floor((whole % size) / next);
  return rest ? `${Math.floor(whole / size)} ${unit} ${rest} ${below}` : `${Math.floor(whole / size)} ${unit}`;
}

/** Seconds as a clock shows them, for axes: 75 → "1:15". */
export function clock(seconds) {
  const sign = seconds < 0 ? "−" : "";
  const whole = Math.round(Math.abs(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return sign + (hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`);
}

const formats = new Map();
function format(zone, options) {
  const key = `${zone} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
  return formats.get(key);
}

/** A moment in the zone of the reports: "18 Nov 14:03", with the year where it is not this one. */
export function moment(text, zone, now) {
  const at = Date.parse(text);
  const year = new Date(at).getUTCFullYear() === new Date(now).getUTCFullYear() ? {} : { year: "numeric" };
  return `${format(zone, { day: "numeric", month: "short", ...year }).format(at)} ${timeOf(at, zone)}`;
}

const timeOf = (at, zone) => format(zone, { hour: "2-digit", minute: "2-digit" }).format(at);

/** The local time to the second: "14:33:56". */
export const second = (at, zone) =>
  format(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);

/** Seconds since the local midnight. */
export function sinceMidnight(at, zone) {
  const [hours, minutes, seconds] = second(at, zone).split(":").map(Number);
  return 3600 * hours + 60 * minutes + seconds + (at % 1000) / 1000;
}

/** A local time as marks of this step and range, in seconds, need it: "14:33:50", "14:34", "30 Oct 16:00", "30 Oct". */
export function mark(at, step, zone, range) {
  const day = format(zone, { day: "numeric", month: "short" }).format(at);
  if (step >= 86_400) return day;
  if (range > 86_400) return `${day} ${timeOf(at, zone)}`;
  return step < 60 ? second(at, zone) : timeOf(at, zone);
}

/** An interval of a summary that begins `at`, in milliseconds: in short, and in whole. */
export function stretch(at, interval, zone) {
  const written = (options) => format(zone, options).format(at);
  const month = written({ month: "short", year: "numeric" });
  const day = written({ day: "numeric", month: "short" });
  const whole = written({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
  const long = { month: [month, month], week: [day, `week of ${whole}`], day: [day, whole] };
  return long[interval] ?? [`${timeOf(at, zone)}\n${day}`, `${whole} ${timeOf(at, zone)}`];
}

/** The local time to the second with its zone, and the value as it came: for titles. */
export function exactMoment(text, zone) {
  const local = format(zone, { dateStyle: "full", timeStyle: "long" }).format(Date.parse(text));
  return `${local} · ${text}`;
}

export const count = (number) => number.toLocaleString("en-GB");
export const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "–");

export function bytes(number) {
  const steps = [
    [1024 ** 3, "GiB"],
    [1024 ** 2, "MiB"],
    [1024, "KiB"],
  ];
  const [size, unit] = steps.find(([one]) => number >= one) ?? [1, "bytes"];
  return `${size === 1 ? number : (number / size).toFixed(1)} ${unit}`;
}
