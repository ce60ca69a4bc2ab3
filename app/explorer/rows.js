// The table: sticky head, only the rows in sight are in the document, the next page is asked for before its end is seen.
// Where a newer answer takes the place of the rows, those that are looked at stay where they are.
import { Cell, State } from "./cells.js";
import { isNumber } from "./columns.js";
import { Icon } from "./icons.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./parts.js";
import { count, duration, moment } from "./words.js";

const ROW = 37; // pixels; the style sheet says the same
const CARD = 74;
const BEYOND = 12; // rows kept above and below what is seen
const AHEAD = 60; // rows from the end at which the next page is asked for

/** Which rows are in sight, as the container is scrolled and sized; `shift`: how far all are about to move. */
function useSight(container, height, rows, shift) {
  const [sight, setSight] = useState({ first: 0, last: 40 });
  useLayoutEffect(() => {
    const look = () => {
      const { scrollTop, clientHeight } = container.current;
      const first = Math.max(0, Math.floor(scrollTop / height) - BEYOND);
      const seen = Math.min(clientHeight, innerHeight); // before the styles apply, the container is as tall as its rows
      const last = Math.ceil((scrollTop + seen) / height) + BEYOND;
      setSight((known) => (known.first === first && known.last === last ? known : { first, last }));
    };
    if (shift) container.current.scrollTop += shift * height;
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(container.current);
    container.current.addEventListener("scroll", look, { passive: true });
    return () => {
      sizes.disconnect();
      container.current?.removeEventListener("scroll", look);
    };
  }, [height, rows]);
  const [first, last] = [Math.max(0, sight.first + shift), sight.last + shift];
  return { first: Math.min(first, Math.max(0, rows.length - 1)), last: Math.min(last, rows.length) };
}

/**
 * How many places further down the rows in sight stand than before a newer answer replaced them; else 0. At the top the
 * newest are to be seen, so 0 too, unless a row has the focus or is opened.
 */
function useShift(container, height, { rows, pairs }, active, opened) {
  const shown = useRef({ rows, pairs });
  const before = shown.current;
  const shift = useMemo(() => {
    if (before.rows === rows || before.pairs !== pairs) return 0;
    const { scrollTop, clientHeight } = container.current;
    const top = Math.floor(scrollTop / height);
    const end = Math.ceil((scrollTop + clientHeight) / height);
    if (scrollTop === 0 && !opened && !container.current.contains(document.activeElement)) return 0;
    const held = before.rows.findIndex((row) => row.interaction_id === active);
    const places = new Map(rows.map((row, place) => [row.interaction_id, place]));
    const inSight = held >= top && held < end ? [held] : [];
    for (let place = top; place < end && place < before.rows.length; place += 1) inSight.push(place);
    const stays = inSight.find((place) => places.has(before.rows[place].interaction_id));
    return stays === undefined ? 0 : places.get(before.rows[stays].interaction_id) - stays;
  }, [rows, pairs]);
  useLayoutEffect(() => {
    shown.current = { rows, pairs };
  }, [rows, pairs]);
  return before.rows === rows ? 0 : shift;
}

/** How many newer rows came in above those in sight, until the top is seen. */
function useUnseen(container, shift, rows, pairs) {
  const [unseen, setUnseen] = useState(0);
  useLayoutEffect(() => {
    if (shift > 0) setUnseen((known) => known + shift);
  }, [rows]);
  useLayoutEffect(() => setUnseen(0), [pairs]);
  useLayoutEffect(() => {
    const look = () => container.current.scrollTop === 0 && setUnseen(0);
    container.current.addEventListener("scroll", look, { passive: true });
    return () => container.current?.removeEventListener("scroll", look);
  }, []);
  return unseen;
}

export function useNarrow() {
  const query = matchMedia("(max-width: 640px)");
  const [narrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const turn = () => setNarrow(query.matches);
    query.addEventListener("change", turn);
    return () => query.removeEventListener("change", turn);
  }, []);
  return narrow;
}

export function Rows({ result, columns, sort, onSort, onOpen, onCondition, opened }) {
  const container = useRef(null);
  const [activeId, setActive] = useState(null); // of the row that keys act on, once there is one
  const lastPlace = useRef(0);
  const narrow = useNarrow();
  const height = narrow ? CARD : ROW;
  const { rows } = result;
  const shift = useShift(container, height, result, activeId, opened);
  const { first, last } = useSight(container, height, rows, shift);
  const unseen = useUnseen(container, shift, rows, result.pairs);
  const found = useMemo(() => rows.findIndex((row) => row.interaction_id === activeId), [rows, activeId]);
  const active = found >= 0 ? found : Math.max(0, Math.min(lastPlace.current, rows.length - 1));
  lastPlace.current = active;
  useEffect(() => {
    const known = result.rows.length; // an answer may have come since this was drawn
    if (last > known - AHEAD && !result.isHalted) result.more();
  }, [last, rows.length, result.isWaiting]);
  useEffect(() => {
    setActive(null);
    lastPlace.current = 0;
    container.current.scrollTop = 0;
  }, [result.pairs]);
  useRowFocus(container, rows, active);
  const go = (place) => {
    const to = Math.max(0, Math.min(rows.length - 1, place));
    setActive(rows[to].interaction_id);
    bringIntoSight(container.current, to, height, narrow);
    requestAnimationFrame(() => container.current?.querySelector(`[data-place="${to}"]`)?.focus());
  };
  const onKey = (event) => {
    const page = Math.floor(container.current.clientHeight / height) - 2;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
    if (event.target.closest("thead")) return;
    if (event.key in steps) {
      event.preventDefault();
      go(active + steps[event.key]);
    } else if (event.key === "Enter" && event.target.dataset.place) onOpen(rows[active].interaction_id);
  };
  const facts = { zone: result.meta?.time_zone ?? "UTC", now: Date.now(), onCondition };
  const common = { facts, columns, active, onOpen, setActive, opened };
  const Shape = narrow ? Card : Row;
  const toTop = ({ detail: clicks }) => {
    container.current.scrollTop = 0;
    if (clicks === 0) go(0); // by a key: the focus goes on from there
  };
  return html`${unseen > 0 && html`<button type="button" class="unseen-rows"
    onClick=${toTop}>${count(unseen)} new ${unseen === 1 ? "row" : "rows"} above</button>`}
  <div class="rows ${result.isOutdated ? "outdated" : ""}" ref=${container} onKeyDown=${onKey} aria-busy=${result.isWaiting}
    tabindex=${rows.length ? null : "0"}
      role="region" aria-label="Rows">
    <table aria-rowcount=${(result.meta?.total ?? rows.length) + 1}>
      <caption class="unseen">Interactions; arrow keys move, Enter opens one</caption>
      ${!narrow && html`<colgroup>${columns.map((column) => html`<col key=${column.name}
        style=${{ width: `${column.width}px` }} />`)}</colgroup>`}
      <thead class=${narrow ? "unseen" : ""}>
        <tr aria-rowindex="1">${columns.map((column) => html`<${Head} key=${column.label} column=${column} sort=${sort}
          onSort=${onSort} />`)}</tr>
      </thead>
      <tbody>
        ${first > 0 && html`<tr key="above" aria-hidden="true" class="spacer">
          <td colspan=${columns.length} style=${{ height: `${first * height}px` }}></td></tr>`}
        ${rows.slice(first, last).map((row, index) => html`<${Shape} key=${row.interaction_id} row=${row}
          place=${first + index} ...${common} />`)}
        ${last < rows.length && html`<tr key="below" aria-hidden="true" class="spacer">
          <td colspan=${columns.length} style=${{ height: `${(rows.length - last) * height}px` }}></td></tr>`}
      </tbody>
    </table>
  </div>`;
}

/** Where the row that has the focus is no longer among the rows, the one in its place gets it. */
function useRowFocus(container, rows, active) {
  const held = document.activeElement;
  const wasRow = Boolean(held?.dataset.place && container.current?.contains(held));
  useLayoutEffect(() => {
    if (wasRow && !held.isConnected) container.current.querySelector(`[data-place="${active}"]`)?.focus();
  }, [rows]);
}

function bringIntoSight(container, place, height, narrow) {
  const head = narrow ? 0 : container.querySelector("thead").offsetHeight;
  const [top, bottom] = [place * height, (place + 1) * height];
  if (top < container.scrollTop) container.scrollTop = top;
  else if (bottom > container.scrollTop + container.clientHeight - head - 16)
    container.scrollTop = bottom - container.clientHeight + head + 16;
}

function Head({ column, sort, onSort }) {
  const isSorted = sort.replace(/^-/, "") === column.name;
  const order = isSorted ? (sort.startsWith("-") ? "descending" : "ascending") : "none";
  const name = html`<span class="label">${column.label}</span>${column.isMade ? null : html`<span
    class="name">${column.name}</span>`}`;
  return html`<th scope="col" class=${isNumber(column.type) ? "number" : ""} aria-sort=${column.isMade ? null : order}
    title=${column.description}>
    ${column.isMade ? name : html`<button type="button" class="sort" onClick=${() => onSort(column)}>${name}<span
      class="order" aria-hidden="true"></span></button>`}
  </th>`;
}

function attributesOf({ row, place, active, onOpen, setActive, opened }) {
  return {
    "aria-rowindex": place + 2,
    "data-place": place,
    "data-id": row.interaction_id,
    tabindex: place === active ? 0 : -1,
    class: opened === row.interaction_id ? "opened" : place % 2 ? "odd" : "",
    onClick: () => {
      setActive(row.interaction_id);
      onOpen(row.interaction_id);
    },
    onFocus: () => setActive(row.interaction_id),
  };
}

function Row(given) {
  const { row, columns, facts } = given;
  return html`<tr ...${attributesOf(given)}>
    ${columns.map((column) => html`<td key=${column.label} class=${isNumber(column.type) ? "number" : ""}>
      <${Cell} row=${row} column=${column} ...${facts} /></td>`)}
  </tr>`;
}

function Card(given) {
  const { row, columns, facts } = given;
  const parts = [row.first_queue_name, row.first_agent_name, row.customer_masked].filter(Boolean).join(" · ");
  return html`<tr ...${attributesOf(given)}>
    <td colspan=${columns.length}><div class="card">
      <p><b><${Icon} name=${row.channel_type} /> ${moment(row.started_at, facts.zone, facts.now)}</b>
        <span class="marks"><${State} row=${row} /></span></p>
      <p><span class="muted">${parts || row.direction}</span><span class="long">${duration(row.duration_seconds)}</span></p>
    </div></td>
  </tr>`;
}
