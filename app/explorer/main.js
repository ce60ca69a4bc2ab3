// The page put together: the URL holds the question, one result answers it, and the views show it.
import { Refusal, ask, described } from "./api.js";
import { Ask } from "./ask.js";
import { Chooser } from "./chooser.js";
import { asked, shown } from "./columns.js";
import { Facade } from "./facade.js";
import { Header, VIEWS } from "./header.js";
import { Interaction } from "./interaction.js";
import { Key } from "./key.js";
import { Overview } from "./overview.js";
import { html, render, useEffect, useMemo, useReducer, useState } from "./parts.js";
import { usePlace } from "./place.js";
import { Problem } from "./problem.js";
import { valueOf, withValue, without, written } from "./question.js";
import { useHeldFocus, useRenewal } from "./renewal.js";
import { Result } from "./result.js";
import { Rows } from "./rows.js";
import { Schema } from "./schema.js";
import { Share } from "./share.js";
import { nextSort } from "./sorting.js";
import { Empty, NoneYet, SortedHere } from "./states.js";
import { Progress, Stalled, Toolbar } from "./toolbar.js";

const NEWEST_FIRST = "-started_at";

function useResult(pairs, key, isShown) {
  const result = useMemo(() => new Result(), []);
  const [, changed] = useReducer((turn) => turn + 1, 0);
  useEffect(() => result.watch(changed), []);
  const run = async () => {
    const sort = valueOf(pairs, "sort");
    await result.run(pairs, asked(pairs));
    if (result.problem?.code !== "sort-needs-complete-result") return;
    await result.run(without(pairs, "sort"), asked(pairs));
    result.sortHere(sort);
  };
  useEffect(() => {
    run();
  }, [pairs, key]);
  const again = () =>
    result.meta && !result.problem && !result.plan.isInVain ? result.renew({ isAsked: true }) : run();
  useRenewal(result.plan, () => result.renew(), isShown);
  return [result, run, again];
}

/** What the service says of itself: its parameters and columns, and who asks. */
function useService(key) {
  const [service, setService] = useState({ parameters: new Map(), schema: [], include: [], maxRows: null, who: null });
  useEffect(() => {
    const quietly = (asking) =>
      asking.catch((error) => {
        if (!(error instanceof Refusal)) throw error;
        return {};
      });
    const asked = [described(), ask("schema"), ask("whoami")].map(quietly);
    Promise.all(asked).then(([{ parameters = new Map() }, { body: schema }, { body: who = null }]) =>
      setService({
        parameters,
        schema: schema?.columns ?? [],
        include: schema?.include ?? [],
        maxRows: schema?.max_rows ?? null,
        who,
      }),
    );
  }, [key]);
  return service;
}

function App() {
  const [{ pairs, view, opened }, go] = usePlace();
  const [key, renewed] = useReducer((turn) => turn + 1, 0);
  const asks = view === "interactions" || view === "overview";
  const [result, run, again] = useResult(pairs, key, asks);
  const service = useService(key);
  useHeldFocus();
  result.mostRows = service.maxRows;
  const [dialog, setDialog] = useState(null);
  const close = () => setDialog(null);
  const onAsk = (next) => (written(next) === written(pairs) ? run() : go({ pairs: next }));
  const onOpen = (id) => go({ opened: id });
  const columns = useMemo(() => shown(pairs, service.schema), [pairs, service.schema]);
  const sort = valueOf(pairs, "sort") ?? NEWEST_FIRST;
  const onSort = (column) => {
    const next = nextSort(sort, column.name, column.type);
    onAsk(withValue(pairs, "sort", next === NEWEST_FIRST ? null : next));
  };
  const onProblem = (problem) => Object.assign(result, { problem }) && renewedView();
  const [, renewedView] = useReducer((turn) => turn + 1, 0);
  const given = { result, pairs, sort, columns, service, onAsk, onOpen, onSort, opened, onProblem, onRefresh: again };
  return html`
    <${Header} view=${view} onView=${(name) => go({ view: name })} result=${result} service=${service}
      onKey=${() => setDialog("key")} onTry=${(value) => go({ pairs: [["attr", value]], view: "interactions" })} />
    <main class=${view}>
      ${view !== "columns" && html`<h1 class="unseen">${VIEWS.find(({ name }) => name === view).words}</h1>`}
      ${
        asks &&
        html`<${Ask} pairs=${pairs} service=${service} onAsk=${onAsk} faults=${Boolean(result.problem?.errors?.length)} />
        <${Progress} result=${result} />
        <${Stalled} plan=${result.plan} onAgain=${again} />
        ${
          result.problem &&
          html`<${Problem} problem=${result.problem} onRetry=${run} onKey=${() => setDialog("key")}
          onRename=${({ parameter, did_you_mean: name }) => onAsk(renamed(pairs, parameter, name))} />`
        }`
      }
      ${view === "interactions" && html`<${Interactions} ...${given} onDialog=${setDialog} />`}
      ${view === "overview" && html`<${Overview} ...${given} onShare=${() => setDialog("share")} onRows=${(next) => go({ pairs: next, view: "interactions" })} />`}
      ${view === "facade" && html`<${Facade} pairs=${pairs} service=${service} onAgain=${run} />`}
      ${view === "columns" && html`<${Schema} ...${given} />`}
    </main>
    ${
      opened &&
      html`<${Interaction} id=${opened} rows=${result.rows} zone=${result.meta?.time_zone ?? "UTC"}
        service=${service} wantsClear=${valueOf(pairs, "pii") === "clear"} onOpen=${onOpen} onClose=${() => go({})}
        onClear=${() => go({ pairs: withValue(pairs, "pii", "clear"), opened })}
      onCondition=${(pair) => go({ pairs: [...pairs, pair] })} />`
    }
    ${dialog === "columns" && html`<${Chooser} pairs=${pairs} schema=${service.schema} onAsk=${onAsk}
      onClose=${close} />`}
    ${dialog === "share" && html`<${Share} pairs=${pairs} service=${service} total=${result.total}
      kind=${view === "overview" ? "summary" : "rows"} onClose=${close} />`}
    ${
      dialog === "key" &&
      html`<${Key} onClose=${close} onChange=${() => {
        close();
        renewed();
      }} />`
    }`;
}

/** The question with a name put right, or, where the name is right, a value. */
function renamed(pairs, parameter, meant) {
  return pairs.map(([name, value]) => {
    if (name !== parameter) return [name, value];
    return ["sort", "fields", "include"].includes(name)
      ? [name, name === "sort" && value.startsWith("-") ? `-${meant}` : meant]
      : [meant, value];
  });
}

function Interactions(given) {
  const { result, pairs, service, onAsk, onDialog, onRefresh, onProblem } = given;
  const { meta, cursor } = result;
  const onCondition = (pair) => onAsk([...pairs, pair]);
  const isEmpty = meta && result.rows.length === 0 && !result.problem && (cursor !== null || !result.isWaiting);
  if (result.problem && !result.rows.length) return null;
  return html`
    <${Toolbar} result=${result} pairs=${pairs} maxRows=${service.maxRows} onRefresh=${onRefresh} onProblem=${onProblem}
      onColumns=${() => onDialog("columns")} onShare=${() => onDialog("share")} />
    ${result.sortedHere && html`<${SortedHere} rows=${result.rows} />`}
    ${isEmpty && (cursor === null ? html`<${Empty} pairs=${pairs} onAsk=${onAsk} isTruncated=${meta.truncated} />` : html`<${NoneYet}
      result=${result} />`)}
    ${!isEmpty && html`<${Rows} ...${given} onCondition=${onCondition} />`}`;
}

render(html`<${App} />`, document.getElementById("page"));
