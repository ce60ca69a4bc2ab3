// Numbers and times in words; the exact value stands beside, as a title.

const SECOND = 1000;
const DAY = 86_400 * SECOND;

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

const dayOf = (moment, zone) => format(zone, { year: "numeric", month: "2-digit", day: "2-digit" }).format(moment);

/** A moment as people say it, in the zone of the reports: "8 min ago", "14:03", "yesterday 14:03", "30 Oct 2018 10:33". */
export function moment(text, zone, now) {
  const at = Date.parse(text);
  const minutes = Math.floor((now - at) / (60 * SECOND));
  if (minutes >= 0 && minutes < 60) return minutes < 1 ? "just now" : `${minutes} min ago`;
  const time = format(zone, { hour: "2-digit", minute: "2-digit" }).format(at);
  if (dayOf(at, zone) === dayOf(now, zone)) return `today ${time}`;
  if (dayOf(at, zone) === dayOf(now - DAY, zone)) return `yesterday ${time}`;
  const year = new Date(at).getUTCFullYear() === new Date(now).getUTCFullYear() ? {} : { year: "numeric" };
  return `${format(zone, { day: "numeric", month: "short", ...year }).format(at)} ${time}`;
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
