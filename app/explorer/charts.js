// Charts by uPlot, in the page's own colours; each has a table for those who do not see it.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./parts.js";

const DARK = matchMedia("(prefers-color-scheme: dark)");

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

/** Stacked bars: `series` are [words, colour's name, numbers], the first at the bottom. */
export function Bars({ title, xs, series, tick, height = 200, isTime = false, zone = "UTC" }) {
  const frame = useRef(null);
  const drawn = useRef(null);
  const latest = useRef(null);
  latest.current = { xs, tick }; // what a chart that is drawn already asks for when its numbers change
  const [scheme, setScheme] = useState(DARK.matches);
  const [told, setTold] = useState(null);
  useEffect(() => {
    const turn = () => setScheme(DARK.matches);
    DARK.addEventListener("change", turn);
    return () => DARK.removeEventListener("change", turn);
  }, []);
  useLayoutEffect(() => {
    const colour = colours();
    const axis = {
      stroke: colour("muted"),
      font: "12px system-ui",
      grid: { stroke: colour("line"), width: 1 },
      ticks: { show: false },
    };
    const plot = new uPlot(
      {
        width: frame.current.clientWidth,
        height,
        legend: { show: false },
        padding: [8, 8, 0, 0],
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
        scales: {
          x: { time: isTime, range: (_plot, least, most) => margins(latest.current.xs, least, most) },
          y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            ...(tick
              ? {
                  size: 30,
                  splits: ({ width }) => thinned(latest.current.xs, width),
                  values: (_plot, places) => places.map(latest.current.tick),
                }
              : { size: 42, values: dates(zone) }),
          },
          { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
        ],
        series: [
          {},
          ...series
            .map(([words, name]) => ({
              label: words,
              fill: colour(name),
              stroke: colour(name),
              width: 0,
              points: { show: false },
              paths: uPlot.paths.bars({ size: [0.8, 48], radius: 0.12 }),
            }))
            .reverse(),
        ],
        hooks: { setCursor: [({ cursor }) => setTold(cursor.idx)] },
      },
      stacked(xs, series),
      frame.current,
    );
    drawn.current = plot;
    const sizes = new ResizeObserver(([{ contentRect }]) =>
      plot.setSize({ width: Math.floor(contentRect.width), height }),
    );
    sizes.observe(frame.current);
    return () => {
      sizes.disconnect();
      plot.destroy();
    };
  }, [scheme, zone]);
  useLayoutEffect(() => drawn.current.setData(stacked(xs, series)), [xs, series]);
  const isTold = told !== null && told !== undefined && told < xs.length;
  const at = (place) => (tick ? tick(xs[place]) : named(xs[place], zone));
  return html`<figure class="chart"><figcaption><b>${title}</b>
      <span class="legend">${series.map(([words, name, numbers]) => html`<span key=${words}>
        <i class=${`swatch ${name}`}>
        </i>${words}${isTold && html` <b>${numbers[told]}</b>`}</span>`)}
        ${isTold && html`<span class="muted">${at(told)}</span>`}</span></figcaption>
    <div class="plot" ref=${frame} aria-hidden="true"></div>
    <div class="unseen"><table><caption>${title}</caption><thead><tr>
      <th scope="col">From</th>${series.map(([words]) => html`<th scope="col" key=${words}>${words}</th>`)}</tr></thead>
      <tbody>${xs.map((_, place) => html`<tr key=${place}>
        <th scope="row">${at(place)}</th>${series.map(([words, , numbers]) => html`<td
        key=${words}>${numbers[place]}</td>`)}</tr>`)}</tbody></table></div>
  </figure>`;
}

/** The numbers as uPlot draws them: each series on top of those below it, the highest first. */
function stacked(xs, series) {
  const sums = series.map((_, upTo) =>
    xs.map((_x, place) => series.slice(0, upTo + 1).reduce((all, [, , numbers]) => all + numbers[place], 0)),
  );
  return [xs, ...sums.reverse()];
}

/** As many marks as there is room for. */
const thinned = (xs, width) => xs.filter((_, place) => place % Math.ceil((54 * xs.length) / (width - 44)) === 0);

/** Marks of a time axis: the hour, and the day below where it begins; whole days where they lie close. */
function dates(zone) {
  const format = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
  const [hour, day, month] = [
    format({ hour: "2-digit", minute: "2-digit" }),
    format({ day: "numeric", month: "short" }),
    format({ month: "short", year: "numeric" }),
  ];
  return (_plot, marks, _axis, _space, step) =>
    marks.map((seconds, place) => {
      const at = seconds * 1000;
      if (step >= 28 * 86_400) return month.format(at);
      if (step >= 86_400) return day.format(at);
      const isNew = place === 0 || day.format(at) !== day.format(marks[place - 1] * 1000);
      return isNew ? `${hour.format(at)}\n${day.format(at)}` : hour.format(at);
    });
}

/** Half a bar of room at either side. */
function margins(xs, least, most) {
  const half = (xs.length > 1 ? xs[1] - xs[0] : 1) / 2;
  return [least - half, most + half];
}

function named(seconds, zone) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, dateStyle: "medium", timeStyle: "short" }).format(
    seconds * 1000,
  );
}
