// Asking the façade: one way out for the whole page, by URLs relative to it, so that it may stand behind a path prefix.
import { freshness, outcomeOf } from "./freshness.js";
import { written } from "./question.js";

export const BASE = new URL(".", document.baseURI).href;
/** Where others find the service, with a slash at its end: its public URL where it has one, else as here. */
export const PUBLIC = document.querySelector("link[rel=canonical]").href;
const KEY = "cxfacade.key";
const REMEMBERED = 60;
const PATIENCE = 12; // times an answer that is still being fetched is asked for again

/** A refusal or failure, in the API's own words (RFC 9457). */
export class Refusal extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

/** The key lives as long as the tab. */
export const keyOf = () => sessionStorage.getItem(KEY);
export function keep(key) {
  key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY);
}
export const credentials = () => (keyOf() ? { "X-API-Key": keyOf() } : {});

/** What was asked lately and how it was come by, newest last. */
export const journal = { answers: [], listeners: new Set() };
function note(answer) {
  journal.answers = [...journal.answers.slice(1 - REMEMBERED), answer];
  journal.listeners.forEach((listener) => listener());
}

let asked = 0;

/**
 * JSON of a resource with its ETag and the freshness of its answer; the body is null where it still is what `etag` names.
 * Throws Refusal; an AbortError where `signal` says so.
 */
export async function ask(path, pairs = [], { signal, etag = null } = {}) {
  // `_` is no part of any question: it keeps the browser's cache out, so that what is shown is the façade's own word.
  const query = written([...pairs, ["_", String((asked += 1))]]);
  const began = performance.now();
  const { response, text } = await reached(`${BASE}${path}?${query}`, signal, etag ? { "If-None-Match": etag } : {});
  const isSame = response.status === 304;
  const known = freshness(response.headers, Date.now());
  const isData = response.headers.has("cache-status");
  const upstream = /upstream;dur=([\d.]+)/.exec(response.headers.get("server-timing") ?? "");
  const body = read(text);
  if (isData || path.startsWith("interactions")) {
    note({
      path: path.split("/")[0],
      at: Date.now(),
      status: response.status,
      code: body?.code ?? null,
      outcome: response.ok || isSame ? outcomeOf(known) : "error",
      milliseconds: performance.now() - began,
      upstream: upstream && response.ok && !known.hit ? Number(upstream[1]) : null,
    });
  }
  if (!response.ok && !isSame)
    throw new Refusal(
      body?.title ? body : { title: `The service answered ${response.status}`, status: response.status },
    );
  return { body, freshness: known, etag: response.headers.get("etag") };
}

/** As `ask`; where the façade says that the fetch goes on, asks again when it says so, and calls `onWait` before. */
export async function patiently(path, pairs, signal, onWait = () => {}) {
  for (let turn = 1; ; turn += 1) {
    try {
      return await ask(path, pairs, { signal });
    } catch (error) {
      const { code, retry_after_seconds: seconds } = error.problem ?? {};
      if (code !== "still-fetching" || turn === PATIENCE) throw error;
      onWait();
      await pause(seconds ?? 2, signal);
    }
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("cancelled", "AbortError"));
    });
  });
}

/** Text of a resource. Throws Refusal. */
export async function askText(path) {
  const { response, text } = await reached(`${BASE}${path}`);
  if (!response.ok) throw new Refusal(read(text) ?? { title: "No answer", status: response.status });
  return text;
}

let description = null;

/**
 * The API as its OpenAPI document describes it, asked once: the parameters of a list by name, and the nested lists' names.
 * Throws Refusal.
 */
export function described() {
  description ??= askText("openapi.json").then(
    (text) => {
      const { paths, components } = JSON.parse(text);
      const asked = paths["/interactions"].get.parameters
        .map((one) => (one.$ref ? components.parameters[one.$ref.split("/").at(-1)] : one))
        .filter((one) => one.in === "query");
      const parts = Object.entries(components.schemas.Interaction.properties);
      return {
        parameters: new Map(asked.map((one) => [one.name, one])),
        lists: parts.filter(([, { type }]) => type === "array").map(([name]) => name),
      };
    },
    (error) => {
      description = null;
      throw error;
    },
  );
  return description;
}

/** The response and its whole text. */
async function reached(url, signal, conditions = {}) {
  try {
    const headers = { Accept: "application/json", ...conditions, ...credentials() };
    const response = await fetch(url, { signal, headers });
    return { response, text: await response.text() };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal({
      title: "The façade does not answer",
      detail: "Is it still running? Nothing came back.",
      retryable: true,
    });
  }
}

/** The text as JSON; null where it is none. */
function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
