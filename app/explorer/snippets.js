// The same question in five languages, as text to copy. `path` is what is asked and `pairs` the question, `columns` are
// those of its answer, as [shown as, the schema's facts]. `base` is the façade's URL with a slash at its end, `maxRows`
// what one answer may hold, null for all, `usual` what it holds where a question names no limit; a key is never written
// out, only its place or the variable that holds it.
import { chosen } from "./columns.js";
import { valueOf, withValue, written } from "./question.js";
import { conditions } from "./summaries.js";
import { count } from "./words.js";

const KEY = "CXF_KEY";

/** Without a limit of its own a question is asked for as many rows as one answer may hold. */
export const whole = (pairs, maxRows) =>
  valueOf(pairs, "limit") ? pairs : withValue(pairs, "limit", maxRows && String(maxRows));
const limitOf = (pairs, usual) => Number(valueOf(pairs, "limit")) || usual;
const urlOf = (base, path, pairs) => `${base}${path}${pairs.length ? `?${written(pairs)}` : ""}`;

function columnsOf(pairs, schema) {
  const known = new Map(schema.map((column) => [column.name, column]));
  return (chosen(pairs) ?? schema.map(({ name }) => [name, name])).map(([output, name]) => [
    output,
    known.get(name) ?? { name, type: "string" },
  ]);
}

const column = (name, type, nullable) => [name, { name, type, nullable }];
const OF_QUEUES = [
  column("interval_start", "time", false),
  column("interval_seconds", "int", false),
  column("queue_name", "string", true),
  column("offered_count", "int", false),
  column("abandon_rate", "float", true),
  column("service_level", "float", true),
  column("average_speed_of_answer_seconds", "float", true),
];

/** The question as a list of its rows, and as a summary of its queue entries: { path, pairs, columns, maxRows }. */
export const KINDS = {
  rows: {
    words: "Rows",
    of: ({ pairs, schema, maxRows }) => ({ path: "interactions", pairs, columns: columnsOf(pairs, schema), maxRows }),
  },
  summary: {
    words: "Summary by queue and hour",
    of: ({ pairs }) => ({
      path: "queue-entries/summary",
      pairs: [
        ...conditions(pairs),
        ["interval", "hour"],
        ["by", "queue_name"],
        ["measures", OF_QUEUES.slice(3).map(([name]) => name).join(",")],
      ],
      columns: OF_QUEUES,
      maxRows: null,
    }),
  },
};

function curl({ path, pairs, base, hasKey }) {
  const header = hasKey ? `-H "X-API-Key: $${KEY}" ` : "";
  return `curl -s ${header}'${urlOf(base, path, pairs).replaceAll("'", "'\\''")}'\n`;
}

/** Page after page, as the header Link leads; CSV, so that an answer without rows has its columns. */
function python({ path, pairs, base, columns, maxRows, hasKey }) {
  const times = columns
    .filter(([, { type }]) => type === "time")
    .map(([output]) => output);
  const dates = times.length ? `, parse_dates=${JSON.stringify(times).replaceAll(",", ", ")}` : "";
  return [
    ...(hasKey ? ["import os"] : []),
    "from urllib.request import Request, urlopen",
    "",
    "import pandas as pd",
    "",
    `url = ${JSON.stringify(urlOf(base, `${path}.csv`, whole(pairs, maxRows)))}`,
    `headers = {${hasKey ? `"X-API-Key": os.environ["${KEY}"]` : ""}}`,
    "pages = []",
    "while url:",
    "    with urlopen(Request(url, headers=headers)) as answer:",
    `        pages.append(pd.read_csv(answer${dates}))`,
    '        link = answer.headers["Link"]  # <URL>; rel="next", where more rows follow',
    '    url = link and link[1 : link.index(">")]',
    "rows = pd.concat(pages, ignore_index=True)",
    'print(rows.describe(include="all"))',
    "",
  ].join("\n");
}

const M_TYPES = {
  time: "type datetimezone",
  date: "type date",
  float: "type number",
  int: "Int64.Type",
  bool: "type logical",
};
const inM = (text) => `"${text.replaceAll("#", "#(#)").replaceAll('"', '""')}"`;

/** One answer; where rows are left that it does not hold, it is an error rather than wrong figures. */
function powerQuery({ path, pairs, base, columns, maxRows, hasKey }) {
  const all = whole(pairs, maxRows);
  const names = [...new Set(all.map(([name]) => name))];
  const query = names.map((name) => {
    const values = all.filter(([known]) => known === name).map(([, value]) => inM(value));
    return `#${inM(name)} = ${values.length > 1 ? `{${values.join(", ")}}` : values[0]}`;
  });
  const types = columns
    .filter(([, { type }]) => M_TYPES[type])
    .map(([output, { type }]) => `{${inM(output)}, ${M_TYPES[type]}}`);
  const headers = hasKey ? `,\n        Headers = [#"X-API-Key" = ${KEY}]` : "";
  return `let
    Answer = Json.Document(Web.Contents(${inM(base)}, [
        RelativePath = ${inM(path)},
        Query = [${query.join(", ")}]${headers}
    ])),
    Items = if Answer[next_cursor] = null and not Answer[meta][truncated] then Answer[items]
        else error "More rows match than one answer holds: narrow from and to",
    Rows = Table.FromRecords(Items, {
        ${columns.map(([output]) => inM(output)).join(",\n        ")}
    }),
    Typed = Table.TransformColumnTypes(Rows, {
        ${types.join(",\n        ")}
    }, "en-US")
in
    Typed
`;
}

const GRAFANA_TYPES = { time: "timestamp", date: "string", float: "number", int: "number", bool: "boolean" };

function grafana({ path, pairs, base, columns, maxRows, hasKey }) {
  const query = {
    refId: "A",
    datasource: { type: "yesoreyeram-infinity-datasource", uid: "${DS_INFINITY}" },
    type: "csv",
    source: "url",
    parser: "backend",
    format: "table",
    url: `${base}${path}.csv`,
    url_options: {
      method: "GET",
      params: whole(pairs, maxRows).map(([key, value]) => ({ key, value })),
      ...(hasKey ? { headers: [{ key: "X-API-Key", value: `\${${KEY}}` }] } : {}),
    },
    columns: columns.map(([output, { type }]) => ({
      selector: output,
      text: output,
      type: GRAFANA_TYPES[type] ?? "string",
    })),
  };
  return `${JSON.stringify(query, null, 2)}\n`;
}

const TS_TYPES = { float: "number", int: "number", bool: "boolean" };

function typescript({ path, pairs, base, columns, hasKey }) {
  const fields = columns.map(([output, { type, nullable }]) => {
    const name = /^[a-z_]\w*$/i.test(output) ? output : JSON.stringify(output);
    return `  ${name}: ${TS_TYPES[type] ?? "string"}${nullable ? " | null" : ""};`;
  });
  const key = hasKey ? `const key = ""; // your client key\n\n` : "";
  const init = hasKey ? `, { headers: { "X-API-Key": key } }` : "";
  return `${key}interface Row {
${fields.join("\n")}
}
interface Page { items: Row[]; next_cursor: string | null }

async function* rows(): AsyncGenerator<Row> {
  const url = new URL(${JSON.stringify(urlOf(base, path, pairs))});
  for (;;) {
    const answer = await fetch(url${init});
    if (!answer.ok) throw new Error((await answer.json()).detail);
    const page: Page = await answer.json();
    yield* page.items;
    if (page.next_cursor === null) return;
    url.searchParams.delete("offset");
    url.searchParams.set("cursor", page.next_cursor);
  }
}

let count = 0;
for await (const row of rows()) count += 1;
console.log(count, "rows");
`;
}

/** How many match, where that is more than `limit` or not known (null). */
export function beyond(limit, total) {
  if (total === null) return "; how many match is not known";
  return total > limit ? `; ${count(total)} match` : "";
}

const ALL = "One answer, of all groups: more than it can hold are refused.";

/** How far one answer reaches. */
function reach({ pairs, maxRows, total, usual }) {
  if (maxRows === null) return ALL;
  const limit = limitOf(whole(pairs, maxRows), usual);
  const more = beyond(limit, total);
  return `One answer, of ${count(limit)} rows at most${more && `${more}: narrow from and to`}.`;
}

const pages = ({ maxRows }) => (maxRows === null ? ALL : "It follows every page of one snapshot.");

/** `words`: where it is used, and how much of the question it brings. */
export const SNIPPETS = [
  {
    name: "curl",
    words: ({ pairs, maxRows, usual }) =>
      maxRows === null
        ? ALL
        : `The first ${count(Math.min(limitOf(pairs, usual), maxRows))} rows; next in the answer leads on.`,
    write: curl,
  },
  { name: "Python", words: (given) => `pandas reads the CSV. ${pages(given)}`, write: python },
  {
    name: "Power Query",
    words: (given) =>
      `Excel or Power BI: New source › Blank query › Advanced editor. ${reach(given)} Where rows are left ` +
      "it is an error.",
    write: powerQuery,
  },
  {
    name: "Grafana",
    words: (given) =>
      `Infinity data source: the panel's query, as JSON. ${reach(given)} It is whole where no Link ` +
      "header comes with it.",
    write: grafana,
  },
  {
    name: "TypeScript",
    words: (given) =>
      `${pages(given)} Runs in Node and in browsers; the page's origin has to stand in CXF_ALLOWED_ORIGINS where it is another.`,
    write: typescript,
  },
];
