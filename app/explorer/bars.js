// Bars that lead to their rows: each is a link, arrow keys go from one to the next, and its label has the numbers.
import { html, useRef, useState } from "./parts.js";
import { written } from "./question.js";
import { useNarrow } from "./rows.js";
import { count } from "./words.js";

/** A link to the rows of a question; nothing leads to none. */
export function Lead({ pairs, onRows, children, ...given }) {
  if (!pairs) return html`<span ...${given}>${children}</span>`;
  const lead = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onRows(pairs);
  };
  return html`<a href=${`?${written(pairs)}`} onClick=${lead} ...${given}>${children}</a>`;
}

export function Legend({ parts }) {
  return html`<span class="legend">${parts.map(([words, tone]) => html`<span key=${words}>
    <i class="swatch ${tone}"></i>${words}</span>`)}</span>`;
}

/** Numbers beside each other in one bar; `most` is as wide as the room. Parts are [words, tone, number]. */
export function Stack({ parts, most }) {
  return html`<span class="stack" aria-hidden="true">${parts.map(
    ([words, tone, number]) => html`<i key=${words} class=${tone} style=${{ width: `${(100 * number) / most}%` }}></i>`,
  )}</span>`;
}

/** "12 answered, 3 abandoned" */
const told = (parts, numbers) => parts.map(([words], place) => `${count(numbers[place])} ${words}`).join(", ");

/** A chart: `parts` are [words, tone] from the bottom up, `bars` { key, words, tick, numbers, pairs }. */
export function Bars({ title, note, parts, bars, onRows }) {
  const list = useRef(null);
  const [active, setActive] = useState(null);
  const sums = bars.map(({ numbers }) => numbers.reduce((all, one) => all + one, 0));
  const most = rounded(Math.max(1, ...sums));
  const every = Math.ceil(bars.length / marksIn(useNarrow() ? 290 : 1000, bars));
  const kinds = [bars.length > 40 && "dense", bars[0]?.tick.includes("\n") && "dated"].filter(Boolean);
  const leading = bars.filter((_, place) => sums[place] > 0).map(({ key }) => key);
  const reached = leading.includes(active) ? active : leading.at(-1);
  const onKey = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const to = leading.indexOf(reached) + step;
    list.current.querySelectorAll("a")[(to + leading.length) % leading.length].focus();
  };
  return html`<figure class="panel chart" aria-label=${title}><figcaption><h2>${title}</h2><${Legend} parts=${parts} />
      ${note && html`<p class="muted">${note}</p>`}</figcaption>
    <div class="plot"><div class="scale" aria-hidden="true"><span>${count(most)}</span><span>0</span></div>
    <ol class=${["bars", ...kinds].join(" ")} ref=${list} onKeyDown=${onKey}>${bars.map((bar, place) => {
      const words = `${bar.words}: ${told(parts, bar.numbers)}`;
      return html`<li key=${bar.key}>
        <${Lead} pairs=${sums[place] ? bar.pairs : null} onRows=${onRows} class="bar" title=${words}
          tabindex=${bar.key === reached ? 0 : -1} onFocus=${() => setActive(bar.key)}>${parts.map(
            ([name, tone], part) => html`<i key=${name} class=${tone}
          style=${{ height: `${(100 * bar.numbers[part]) / most}%` }}></i>`,
          )}<span class="unseen">${words}</span><//>
        ${place % every === 0 && html`<span class="tick" aria-hidden="true">${bar.tick}</span>`}</li>`;
    })}</ol></div>
  </figure>`;
}

/** How many marks there is room for, in pixels: the longest line decides. */
function marksIn(room, bars) {
  const longest = Math.max(...bars.flatMap(({ tick }) => tick.split("\n")).map(({ length }) => length));
  return Math.floor(room / (7 * longest + 12));
}

/** The next number that is round: 1, 2 or 5 times a power of ten. */
export function rounded(number) {
  const power = 10 ** Math.floor(Math.log10(number));
  return [1, 2, 5, 10].find((step) => number <= step * power) * power;
}
