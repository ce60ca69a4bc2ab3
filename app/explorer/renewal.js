// When what is shown is asked for again: as soon as it is stale, while it can be seen, and ever later while that fails.
import { useEffect, useLayoutEffect } from "./parts.js";

const LEAST = 5; // seconds between two renewals
const FOLLOW_UPS = [1, 2, 4]; // seconds after a stale answer: the service fetches a newer one behind it
const MOST = 60; // seconds between two renewals that fail
const LONGEST_TIMER = 60_000; // milliseconds: timers stand still while the machine sleeps, the time of day does not
const PATIENCE = 30_000; // milliseconds for one renewal: a connection that died in a sleep never answers
const IN_VAIN = new Set([400, 401, 403, 404]); // statuses that asking again does not change

/**
 * Seconds until the next renewal. `left`: of freshness; `stale` and `failures`: how many of the latest answers in
 * succession were stale with a newer one under way, and failed; `retryAfter`: what the failure itself says; `pages`: how
 * many requests a renewal takes, of which a second brings no more than one on average.
 */
export function pause({ left = 0, stale = 0, failures = 0, retryAfter = 0, pages = 1 }) {
  if (stale > 0 && stale <= FOLLOW_UPS.length) return FOLLOW_UPS[stale - 1];
  const turns = failures || Math.max(0, stale - FOLLOW_UPS.length);
  if (turns) return Math.max(retryAfter, Math.min(MOST, LEAST * 2 ** (turns - 1)));
  return Math.max(LEAST, pages, left + 1); // the service says whole seconds, rounded down
}

/** When a view is renewed: `dueAt` in milliseconds since the epoch, null while it is asked for or that is in vain. */
export class Plan {
  dueAt = null;
  problem = null; // why the latest renewal failed
  #stale = 0;
  #failures = 0;

  /** Whether asking again as before would bring the same refusal. */
  get isInVain() {
    return IN_VAIN.has(this.problem?.status);
  }

  /** Nothing is asked until the next answer. */
  rest() {
    this.dueAt = null;
  }

  /** An answer came. Whether a newer one is about to follow, so that what this says of its age need not be shown. */
  answered({ left, detail }, pages = 1) {
    this.#stale = detail === "stale-while-revalidate" ? this.#stale + 1 : 0;
    this.#failures = detail === "stale-if-error" ? this.#failures + 1 : 0;
    this.problem = null;
    this.#due({ left: left ?? 0, stale: this.#stale, failures: this.#failures, pages });
    return this.#stale > 0 && this.#stale <= FOLLOW_UPS.length;
  }

  failed(problem) {
    this.#failures += 1;
    this.problem = problem;
    this.#due({ failures: this.#failures, retryAfter: problem.retry_after_seconds });
    if (this.isInVain) this.rest();
  }

  /** What was under way is given up: what is shown stays, and is renewed later. */
  given() {
    this.#due({});
  }

  #due(facts) {
    this.dueAt = Date.now() + 1000 * pause(facts);
  }
}

/** Calls `renew` when the plan says so, as long as it is shown and the page is visible; at once when it becomes so. */
export function useRenewal(plan, renew, isShown = true) {
  useEffect(() => {
    let timer = null;
    const look = () => {
      clearTimeout(timer);
      if (document.hidden || !isShown || plan.dueAt === null) return;
      const wait = plan.dueAt - Date.now();
      if (wait <= 0) renew();
      else timer = setTimeout(look, Math.min(wait, LONGEST_TIMER));
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [plan, plan.dueAt, isShown]);
}

/** Keeps the focus where it is: an element that a newer answer moves within the page would lose it. */
export function useHeldFocus() {
  const held = document.activeElement;
  useLayoutEffect(() => {
    if (document.activeElement === document.body && held.isConnected) held.focus({ preventScroll: true });
  });
}

let lane = Promise.resolve();

/** Does `work` once the renewals before it have ended: the page has one under way at a time. */
export function inTurn(work, abort) {
  const done = lane.then(() => work(AbortSignal.any([abort.signal, AbortSignal.timeout(PATIENCE)])));
  lane = done.catch(() => {});
  return done;
}
