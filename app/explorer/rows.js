// The table: sticky head, only the rows in sight are in the document, the next page is asked for before its end is seen.
import { Cell, State } from "./cells.js";
import { isNumber } from "./columns.js";
import { Icon } from "./icons.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./parts.js";
import { duration, moment } from "./words.js";

const ROW = 37; // pixels; the style sheet says the same
const CARD = 74;
const BEYOND = 12; // rows kept above and below what is seen
const AHEAD = 60; // rows from the end at which the next page is asked for

/** Which rows are in sight, as the container is scrolled and sized. */
function useSight(container, height, length) {
  const [sight, setSight] = useState({ first: 0, last: 40 });
  useLayoutEffect(() => {
    const look = () => {
      const { scrollTop, clientHeight } = container.current;
      const first = Math.max(0, Math.floor(scrollTop / height) - BEYOND);
      const last = Math.ceil((scrollTop + clientHeight) / height) + BEYOND;
      setSight((known) => (known.first === first && known.last === last ? known : { first, last }));
    };
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(container.current);
    container.current.addEventListener("scroll", look, { passive: true });
    return () => {
      sizes.disconnect();
      container.current?.removeEventListener("scroll", look);
    };
  }, [height, length]);
  return { first: Math.min(sight.first, Math.max(0, length - 1)), last: Math.min(sight.last, length) };
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
  const [active, setActive] = useState(0);
  const narrow = useNarrow();
  const height = narrow ? CARD : ROW;
  const { rows } = result;
  const { first, last } = useSight(container, height, rows.length);
  useEffect(() => {
    if (last > rows.length - AHEAD) result.more();
  }, [last, rows.length, result.isWaiting]);
  useEffect(() => {
    setActive(0);
    container.current.scrollTop = 0;
  }, [result.pairs]);
  const go = (place) => {
    const to = Math.max(0, Math.min(rows.length - 1, place));
    setActive(to);
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
  return html`<div class="rows ${result.isOutdated ? "outdated" : ""}" ref=${container} onKeyDown=${onKey} aria-busy=${result.isWaiting}
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
      setActive(place);
      onOpen(row.interaction_id);
    },
    onFocus: () => setActive(place),
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
