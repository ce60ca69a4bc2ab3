// The rows of one question: fetched page by page, kept while a newer answer is under way, and replaced by it.
import { Refusal, ask, patiently } from "./api.js";
import { sent, valueOf, written } from "./question.js";
import { Plan, inTurn } from "./renewal.js";
import { ordered } from "./sorting.js";

const NEXT_PAGES = 500;
const MOST_IN_VAIN = 5; // pages in succession without a row, after which the next is asked for by hand

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
  isHalted = false; // no further page is asked for unless by hand
  mostRows = null; // in one answer, once the service has said so
  plan = new Plan();
  #listener = () => {};
  #abort = null;
  #first = []; // what the first page was asked with
  #etag = null; // of the first page, which names the snapshot of all
  #pages = 1;
  #inVain = 0;
  #failure = null; // of the latest page

  watch(listener) {
    this.#listener = listener;
  }

  get isWaiting() {
    return this.waitingSince !== null;
  }

  /** How many match: null where that is not known, undefined before any answer. */
  get total() {
    return this.isWhole ? this.rows.length : this.meta?.total;
  }

  /** Ask anew: `fields` are the columns wanted. */
  async run(pairs, fields) {
    this.#stop();
    this.isOutdated = this.isOutdated || (this.rows.length > 0 && written(pairs) !== written(this.pairs));
    Object.assign(this, { pairs, fields, problem: null, sortedHere: null, isHalted: false });
    const first = sent(pairs, fields, valueOf(pairs, "limit"));
    await this.#fetch(first, (answer) => {
      this.rows = answer.body.items;
      [this.#first, this.#etag, this.#pages, this.#inVain] = [first, answer.etag, 1, 0];
    });
  }

  /** The next page, if there is one and nothing is under way. */
  async more() {
    if (this.cursor === null || this.isWaiting || this.problem) return;
    this.#stop();
    this.isHalted = false;
    await this.#fetch(this.#following(this.cursor), (answer) => {
      this.rows = this.#inOrder(this.rows.concat(answer.body.items));
      this.#pages += 1;
      this.#inVain = answer.body.items.length ? 0 : this.#inVain + 1;
      this.isHalted = this.#inVain > 0 && this.#inVain % MOST_IN_VAIN === 0;
    });
  }

  /**
   * Put a newer answer in place of what is shown, in one step: as many rows as there are, of one snapshot. Where it is
   * still the newest nothing but its age changes; where none can be had it stays, and the plan says why.
   */
  async renew({ isAsked = false } = {}) {
    if (this.isWaiting || this.isOutdated || this.meta === null) return;
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    this.plan.rest();
    if (isAsked) this.waitingSince = Date.now();
    this.#changed();
    try {
      const [newer, freshness] = await inTurn((signal) => this.#newer(signal), abort);
      if (abort !== this.#abort) return;
      const isFollowed = this.plan.answered(freshness, this.#pages);
      if (newer) {
        this.rows = this.#inOrder(newer.rows);
        [this.#etag, this.#pages] = [newer.etag, newer.pages];
        this.#take(newer.body);
      }
      if (newer || isAsked || !isFollowed) this.freshness = freshness;
      if (this.problem === this.#failure) this.problem = null;
    } catch (error) {
      if (abort !== this.#abort) return;
      if (!(error instanceof Refusal)) throw error;
      this.plan.failed(error.problem);
    }
    this.#done();
  }

  /** Sort what is at hand, where the API cannot sort the whole. */
  sortHere(sort) {
    this.sortedHere = sort;
    this.problem = null;
    this.rows = this.#inOrder([...this.rows]);
    this.#changed();
  }

  /** Wait no longer; nothing further is asked for. */
  cancel() {
    this.#stop();
    this.isHalted = true;
    if (this.meta && !this.isOutdated) this.plan.given();
    this.#changed();
  }

  #stop() {
    this.#abort?.abort();
    this.#done();
    this.plan.rest();
  }

  #done() {
    this.#abort = null;
    this.waitingSince = this.waitingWords = null;
    this.#changed();
  }

  #inOrder(rows) {
    return this.sortedHere ? ordered(rows, this.sortedHere) : rows;
  }

  #following(cursor) {
    const limit = valueOf(this.pairs, "limit") ?? (this.mostRows ? Math.min(NEXT_PAGES, this.mostRows) : null);
    const pairs = this.pairs.filter(([name]) => name !== "offset");
    return [...sent(pairs, this.fields, limit), ["cursor", cursor]];
  }

  async #fetch(pairs, take) {
    const abort = (this.#abort = new AbortController());
    this.waitingSince = Date.now();
    this.#changed();
    try {
      const answer = await patiently("interactions", pairs, abort.signal, () => {
        this.waitingWords = "Upstream is slow; the façade goes on fetching and is asked again.";
        this.#changed();
      });
      if (abort !== this.#abort) return;
      take(answer);
      this.#take(answer.body);
      this.freshness = answer.freshness;
      this.plan.answered(answer.freshness, this.#pages);
      this.problem = null;
      this.isOutdated = false;
    } catch (error) {
      if (abort !== this.#abort) return;
      if (!(error instanceof Refusal)) throw error;
      this.problem = this.#failure = error.problem;
      if (this.isOutdated) this.#forget();
      if (this.meta) this.plan.given();
    }
    this.#done();
  }

  #take({ meta, next_cursor: cursor }) {
    this.meta = meta;
    this.source = meta.source;
    this.cursor = cursor;
    this.isWhole = cursor === null && !meta.truncated && !meta.offset;
  }

  /** The newest answer, read as far as what is shown, and its freshness; null where what is shown is the newest. */
  async #newer(signal) {
    let { body, freshness, etag } = await ask("interactions", this.#first, { signal, etag: this.#etag });
    if (body === null) return [null, freshness];
    let [rows, pages] = [body.items, 1];
    const isShort = () => this.isWhole || rows.length < this.rows.length;
    for (; body.next_cursor !== null && isShort() && pages <= this.#pages; pages += 1) {
      ({ body, freshness } = await ask("interactions", this.#following(body.next_cursor), { signal }));
      rows = rows.concat(body.items);
    }
    return [{ rows, body, etag, pages }, freshness];
  }

  /** What is shown answers another question than the one that failed. */
  #forget() {
    Object.assign(this, { rows: [], meta: null, cursor: null, freshness: null, isOutdated: false });
  }

  #changed() {
    this.version = (this.version ?? 0) + 1;
    this.#listener(this.version);
  }
}
