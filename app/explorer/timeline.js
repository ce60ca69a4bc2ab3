// The timeline of one interaction, drawn to scale; pointer and arrow keys reach every bar.
import { html, useLayoutEffect, useMemo, useRef, useState } from "./parts.js";
import { isMoved } from "./record.js";
import { WORDS, layout, named, ticks } from "./spans.js";
import { duration, exactMoment, mark, second, sinceMidnight } from "./words.js";

const LANE = 30;
const BAR = 20;
const AXIS = 26;
const DAY = 86_400; // seconds
const LEAST = 3; // pixels: what is shorter is widened to this

export function Timeline({ timeline, zone }) {
  const frame = useRef(null);
  const [width, setWidth] = useState(720);
  const [active, setActive] = useState(null);
  useLayoutEffect(() => {
    const sizes = new ResizeObserver(([{ contentRect }]) => setWidth(Math.max(260, Math.floor(contentRect.width))));
    sizes.observe(frame.current);
    return () => sizes.disconnect();
  }, []);
  const { zero, first, last, lanes } = useMemo(() => layout(timeline, Date.now()), [timeline]);
  const margin = width < 520 ? 84 : 132;
  const x = (seconds) => margin + ((seconds - first) / (last - first)) * (width - margin - 14);
  const bars = lanes.flatMap((lane, row) => lane.bars.map((bar, turn) => ({ bar, row, key: keyOf(lane, bar, turn) })));
  const marked = (offset) => mark(Math.round(zero + 1000 * offset), step, zone, last - first);
  const told = (offset) => second(zero + 1000 * offset, zone);
  const kinds = [...new Set(bars.map(({ bar }) => bar.kind))];
  const { marks, step } = ticks(first, last, Math.max(2, Math.floor((width - margin) / 90)), sinceMidnight(zero, zone));
  const at = bars.findIndex(({ key }) => key === active);
  const height = lanes.length * LANE + AXIS;
  const onKey = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const to = (Math.max(0, at) + step + bars.length) % bars.length;
    frame.current.querySelectorAll(".bar")[to].focus();
  };
  return html`<div class="timeline" ref=${frame} onMouseLeave=${() => setActive(null)}>
    <svg width=${width} height=${height} role="group" aria-label="Timeline; arrow keys go from bar to bar"
      onKeyDown=${onKey}>
      ${marks.map(
        (place) => html`<g class="tick" key=${place} aria-hidden="true">
        <line x1=${x(place)} x2=${x(place)} y1="0" y2=${height - AXIS + 4} />
          <text x=${Math.min(x(place), width - (last - first > DAY ? 42 : 26))} y=${height - 8}>${marked(place)}</text>
      </g>`,
      )}
      ${lanes.map((lane, row) => html`<text class="lane" key=${lane.key} x="0" y=${row * LANE + LANE / 2}
        aria-hidden="true">${short(lane.words, margin)}<title>${lane.words}</title></text>`)}
      ${bars.map(({ bar, row, key }, place) => html`<${Bar} key=${key} bar=${bar} x=${x} y=${row * LANE + (LANE - BAR) / 2}
        isFirst=${place === Math.max(0, at)} isActive=${place === at} told=${told}
        onActive=${() => setActive(key)} />`)}
    </svg>
    <p class="legend">${kinds.map((kind) => html`<span key=${kind}>
      <i class="swatch ${kind}"></i>${WORDS[kind] ?? kind}</span>`)}
      <span>Times in ${zone}</span></p>
    <${Told} bar=${bars[at]?.bar ?? null} told=${told} zone=${zone} />
  </div>`;
}

/** A bar is the same in a newer timeline where it is of the same kind, in the same lane and turn. */
const keyOf = (lane, bar, turn) => `${lane.key} ${bar.kind} ${turn}`;

const short = (words, margin) =>
  words.length > margin / 7.4 ? `${words.slice(0, Math.floor(margin / 7.4) - 1)}…` : words;

function Bar({ bar, x, y, isFirst, isActive, told, onActive }) {
  const left = x(bar.offset_seconds);
  const width = Math.max(LEAST, x(bar.until) - left);
  const words = `${named(bar)}: from ${told(bar.offset_seconds)}, ${bar.isOpen ? "still going on" : duration(bar.duration_seconds)}`;
  return html`<g class="bar ${bar.kind} ${bar.isOpen ? "open" : ""} ${isActive ? "active" : ""}" role="img"
    aria-label=${words} tabindex=${isFirst ? 0 : -1} onMouseMove=${(event) => isMoved(event) && onActive()} onFocus=${onActive}>
    <rect x=${left} y=${y} width=${width} height=${BAR} rx="4" />
    ${width > 56 && html`<text x=${left + 7} y=${y + BAR / 2}
      aria-hidden="true">${bar.isOpen ? "open" : duration(bar.duration_seconds)}</text>`}
  </g>`;
}

/** The bar one is on, exactly; it keeps its room, so that nothing jumps. */
function Told({ bar, told, zone }) {
  if (!bar) return html`<p class="told muted">Point at a bar, or reach it by the arrow keys.</p>`;
  return html`<p class="told">
    <b>${named(bar)}</b> <span>${bar.isOpen ? "still going on" : `${duration(bar.duration_seconds)} (${bar.duration_seconds} s)`}</span>
    <span class="muted">${told(bar.offset_seconds)} → ${bar.isOpen ? "…" : told(bar.until)}</span> <span
      class="muted">${exactMoment(bar.started_at, zone)}</span></p>`;
}
