// The result at a glance, computed from the rows at hand, and saying so where more match.
import { Bars } from "./charts.js";
import { figures, grouped, overTime, waits } from "./figures.js";
import { html, useMemo } from "./parts.js";
import { Empty, NoneYet } from "./states.js";
import { Age } from "./toolbar.js";
import { clock, count, duration, percent } from "./words.js";

export function Overview({ result, pairs, onAsk, onRefresh }) {
  const { rows, meta } = result;
  const known = useMemo(() => figures(rows), [rows]);
  if (!meta || (result.problem && !rows.length)) return null;
  if (!rows.length && result.cursor !== null) return html`<${NoneYet} result=${result} />`;
  if (!rows.length)
    return result.isWaiting ? null : html`<${Empty} pairs=${pairs} onAsk=${onAsk} isTruncated=${meta.truncated} />`;
  return html`
    <div class="computed"><${Basis} result=${result} /><${Age} result=${result} onRefresh=${onRefresh} /></div>
    <div class="tiles">
      <${Tile} words="Interactions" value=${count(known.count)}
        note=${known.open ? `${count(known.open)} still open` : "all have ended"} />
      <${Tile} words="Service level" value=${percent(known.met, known.eligible)}
        note=${`${count(known.met)} of ${count(known.eligible)} that count`} part=${known.met / known.eligible} />
      <${Tile} words="Abandon rate" value=${percent(known.abandoned, known.offered)}
        note=${`${count(known.abandoned)} of ${count(known.offered)} queued`} />
      <${Tile} words="Median wait" value=${duration(known.wait) ?? "–"} note="in queues" />
      <${Tile} words="Median duration" value=${duration(known.duration) ?? "–"} note="from start to end" />
    </div>
    <${Time} rows=${rows} zone=${meta.time_zone} />
    <div class="halves">
      <${Groups} title="By queue" rows=${rows} name="first_queue_name" parameter="queue_name" none="not queued"
        pairs=${pairs} onAsk=${onAsk} />
      <${Groups} title="By channel" rows=${rows} name="channel_type" parameter="channel_type" none="unknown"
        pairs=${pairs} onAsk=${onAsk} />
    </div>
    <${Waits} rows=${rows} />`;
}

function Basis({ result }) {
  const { rows, meta } = result;
  if (result.isWhole)
    return html`<p class="basis muted">Computed from all ${count(rows.length)} rows of this question.</p>`;
  const of = result.total === null ? "how many match is not known" : `${count(result.total)} match`;
  return html`<p class="basis notice">
    <span>Computed from the ${count(rows.length)} rows at hand; ${of}${meta.truncated ? ", and not all can be reached" : ""}.</span>
    ${result.cursor !== null && html`<button type="button" disabled=${result.isWaiting}
      onClick=${() => result.all()}>${result.isWaiting ? "Loading …" : "Load all rows"}</button>`}</p>`;
}

function Tile({ words, value, note, part }) {
  return html`<section class="tile" aria-label=${words}><h2>${words}</h2><p class="value">${value}</p>
    <p class="muted">${note}</p>
    ${part >= 0 && html`<div class="meter" aria-hidden="true"><i style=${{ width: `${100 * part}%` }}></i>
      </div>`}</section>`;
}

const STEP = {
  60: "a minute",
  300: "5 minutes",
  900: "a quarter of an hour",
  3600: "an hour",
  10800: "3 hours",
  21600: "6 hours",
  86400: "a day",
  604800: "a week",
};

function Time({ rows, zone }) {
  const known = useMemo(() => {
    const { step, times, counts, abandoned, before } = overTime(rows);
    const others = counts.map((all, bin) => all - abandoned[bin]);
    return {
      step,
      before,
      times,
      series: [
        ["others", "accent", others],
        ["abandoned", "bad", abandoned],
      ],
    };
  }, [rows]);
  const title = `Interactions over time, a bar is ${STEP[known.step] ?? "some time"}`;
  return html`<div class="panel"><${Bars} title=${title} xs=${known.times} series=${known.series} isTime zone=${zone} />
    ${known.before > 0 && html`<p
      class="muted">${count(known.before)} older ${known.before === 1 ? "row lies" : "rows lie"} to the left of this picture.</p>`}</div>`;
}

const short = (seconds) => (seconds < 60 ? `${seconds} s` : clock(seconds));

function Waits({ rows }) {
  const { xs, series, tick } = useMemo(() => {
    const bins = waits(rows);
    return {
      xs: bins.map((_, place) => place),
      series: [
        ["others", "accent", bins.map(({ answered }) => answered)],
        ["abandoned", "bad", bins.map(({ abandoned }) => abandoned)],
      ],
      tick: (place) => (bins[place].upper === Infinity ? "longer" : `< ${short(bins[place].upper)}`),
    };
  }, [rows]);
  return html`<div class="panel"><${Bars} title="Wait in queues" xs=${xs} series=${series} tick=${tick} /></div>`;
}

/** Bars of one column's values; a click asks for that value. */
function Groups({ title, rows, name, parameter, none, pairs, onAsk }) {
  const groups = useMemo(() => grouped(rows, name).slice(0, 8), [rows]);
  const most = groups[0]?.[1].count ?? 1;
  const narrow = (value) => onAsk([...pairs.filter(([known]) => known !== parameter), [parameter, value]]);
  return html`<section class="panel" aria-label=${title}><h2>${title}</h2>
    <table class="groups"><thead><tr><th scope="col"><span class="unseen">Value</span></th><th scope="col">
      <i class="swatch accent"></i>others <i class="swatch bad"></i>abandoned</th>
      <th scope="col" class="number">Number</th><th scope="col" class="number">Service level</th></tr></thead>
      <tbody>${groups.map(
        ([value, group]) => html`<tr key=${value}>
        <th scope="row">${value === null ? html`<span class="muted">${none}</span>` : html`<button type="button"
          class="link" onClick=${() => narrow(value)}>${value}</button>`}</th>
        <td class="share"><div class="stack" aria-hidden="true">
          <i class="accent" style=${{ width: `${(100 * (group.count - group.abandoned)) / most}%` }}></i>
          <i class="bad" style=${{ width: `${(100 * group.abandoned) / most}%` }}></i></div></td>
        <td class="number">${count(group.count)}</td>
        <td class="number muted">${group.eligible ? percent(group.met, group.eligible) : "–"}</td>
      </tr>`,
      )}</tbody></table></section>`;
}
