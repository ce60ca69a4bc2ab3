// The rows of one question: fetched page by page, kept while a newer answer is under way.
import { Refusal, ask } from "./api.js";
import { sent, valueOf, written } from "./question.js";
import { ordered } from "./sorting.js";

const FIRST_PAGE = 100;
const NEXT_PAGES = 500;
const PATIENCE = 12; // times an answer that is still being fetched is asked for again

/** What is known; `version` changes with it. A component that shows it calls `watch`. */
export class Result {
  pairs = [];
  rows = [];
  meta = null;
  source = null; // live or simulator, as the last answer said
  cursor = null;
  freshness = null;
  problem = null;
  sortedHere = null;
  waitingSince = null;
  waitingWords = null;
  isWhole = false;
  isOutdated = false;
  #listener = () => {};
  #abort = null;

  watch(listener) {
    this.#listener = listener;
  }

  get isWaiting() {
    return this.waitingSince !== null;
  }

  /** Ask anew: `fields` are the columns wanted. */
  async run(pairs, fields) {
    this.cancel();
    this.isOutdated = this.isOutdated || (this.rows.length > 0 && written(pairs) !== written(this.pairs));
    Object.assign(this, { pairs, fields, problem: null, sortedHere: null });
    const limit = Number(valueOf(pairs, "limit")) || FIRST_PAGE;
    await this.#fetch(sent(pairs, fields, valueOf(pairs, "limit") ?? limit), (answer) => {
      this.rows = answer.body.items;
    });
  }

  /** The next page, if there is one and nothing is under way. */
  async more() {
    if (this.cursor === null || this.isWaiting || this.problem) return;
    const limit = valueOf(this.pairs, "limit") ?? NEXT_PAGES;
    const pairs = this.pairs.filter(([name]) => name !== "offset");
    await this.#fetch([...sent(pairs, this.fields, limit), ["cursor", this.cursor]], (answer) => {
      this.rows = this.#inOrder(this.rows.concat(answer.body.items));
    });
  }

  /** Every page that is left. */
  async all() {
    while (this.cursor !== null && !this.problem) {
      const before = this.cursor;
      await this.more();
      if (this.cursor === before) return;
    }
  }

  /** Sort what is at hand, where the API cannot sort the whole. */
  sortHere(sort) {
    this.sortedHere = sort;
    this.problem = null;
    this.rows = this.#inOrder([...this.rows]);
    this.#changed();
  }

  cancel() {
    this.#abort?.abort();
    this.#abort = null;
    this.waitingSince = this.waitingWords = null;
    this.#changed();
  }

  #inOrder(rows) {
    return this.sortedHere ? ordered(rows, this.sortedHere) : rows;
  }

  async #fetch(pairs, take) {
    const abort = (this.#abort = new AbortController());
    this.waitingSince = Date.now();
    this.#changed();
    try {
      const answer = await this.#patiently(pairs, abort.signal);
      if (abort !== this.#abort) return;
      take(answer);
      this.meta = answer.body.meta;
      this.source = this.meta.source;
      this.cursor = answer.body.next_cursor;
      this.freshness = answer.freshness;
      this.isWhole = this.cursor === null && !this.meta.truncated && !this.meta.offset;
      this.problem = null;
      this.isOutdated = false;
    } catch (error) {
      if (abort !== this.#abort) return;
      if (!(error instanceof Refusal)) throw error;
      this.problem = error.problem;
      if (this.isOutdated) this.#forget();
    }
    this.#abort = null;
    this.waitingSince = this.waitingWords = null;
    this.#changed();
  }

  /** What is shown answers another question than the one that failed. */
  #forget() {
    Object.assign(this, { rows: [], meta: null, cursor: null, freshness: null, isOutdated: false });
  }

  /** Ask; where the façade says that the fetch goes on, ask again when it says so. */
  async #patiently(pairs, signal) {
    for (let turn = 1; ; turn += 1) {
      try {
        return await ask("interactions", pairs, { signal });
      } catch (error) {
        const { code, retry_after_seconds: seconds } = error.problem ?? {};
        if (code !== "still-fetching" || turn === PATIENCE) throw error;
        this.waitingWords = "Upstream is slow; the façade goes on fetching and is asked again.";
        this.#changed();
        await pause(seconds ?? 2, signal);
      }
    }
  }

  #changed() {
    this.version = (this.version ?? 0) + 1;
    this.#listener(this.version);
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
