// The same question in five languages, as text to copy. `pairs` is the question, `base` the façade's URL with a slash at
// its end; a key is never written out, only its place or the variable that holds it.
import { chosen } from "./columns.js";
import { valueOf, withValue, written } from "./question.js";

const EVERY_ROW = "10000";
const KEY = "CXF_KEY";

/** Without a limit of its own a question is asked for as many rows as one answer may hold. */
const whole = (pairs) => (valueOf(pairs, "limit") ? pairs : withValue(pairs, "limit", EVERY_ROW));
const urlOf = (base, path, pairs) => `${base}${path}${pairs.length ? `?${written(pairs)}` : ""}`;
/** Columns of the answer: [shown as, the schema's facts]. */
function columnsOf(pairs, schema) {
  const known = new Map(schema.map((column) => [column.name, column]));
  return (chosen(pairs) ?? schema.map(({ name }) => [name, name])).map(([output, name]) => [
    output,
    known.get(name) ?? { name, type: "string" },
  ]);
}

function curl({ pairs, base, hasKey }) {
  const header = hasKey ? `-H "X-API-Key: $${KEY}" ` : "";
  return `curl -s ${header}'${urlOf(base, "interactions", pairs).replaceAll("'", "'\\''")}'\n`;
}

function python({ pairs, base, schema, hasKey }) {
  const times = columnsOf(pairs, schema)
    .filter(([, { type }]) => type === "time")
    .map(([output]) => output);
  const options = [
    ...(times.length ? [`parse_dates=${JSON.stringify(times).replaceAll(",", ", ")}`] : []),
    ...(hasKey ? [`storage_options={"X-API-Key": os.environ["${KEY}"]}`] : []),
  ];
  return [
    ...(hasKey ? ["import os", ""] : []),
    "import pandas as pd",
    "",
    `url = ${JSON.stringify(urlOf(base, "interactions.csv", whole(pairs)))}`,
    `rows = pd.read_csv(${["url", ...options].join(", ")})`,
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

function powerQuery({ pairs, base, schema, hasKey }) {
  const names = [...new Set(whole(pairs).map(([name]) => name))];
  const query = names.map((name) => {
    const values = whole(pairs)
      .filter(([known]) => known === name)
      .map(([, value]) => inM(value));
    return `#${inM(name)} = ${values.length > 1 ? `{${values.join(", ")}}` : values[0]}`;
  });
  const types = columnsOf(pairs, schema)
    .filter(([, { type }]) => M_TYPES[type])
    .map(([output, { type }]) => `{${inM(output)}, ${M_TYPES[type]}}`);
  const headers = hasKey ? `,\n        Headers = [#"X-API-Key" = ${KEY}]` : "";
  return `let
    Source = Web.Contents(${inM(base)}, [
        RelativePath = "interactions.csv",
        Query = [${query.join(", ")}]${headers}
    ]),
    Table = Csv.Document(Source, [Delimiter = ",", Encoding = 65001, QuoteStyle = QuoteStyle.Csv]),
    Rows = Table.PromoteHeaders(Table, [PromoteAllScalars = true]),
    Typed = Table.TransformColumnTypes(Rows, {
        ${types.join(",\n        ")}
    }, "en-US")
in
    Typed
`;
}

const GRAFANA_TYPES = { time: "timestamp", date: "string", float: "number", int: "number", bool: "boolean" };

function grafana({ pairs, base, schema, hasKey }) {
  const query = {
    refId: "A",
    datasource: { type: "yesoreyeram-infinity-datasource", uid: "${DS_INFINITY}" },
    type: "csv",
    source: "url",
    parser: "backend",
    format: "table",
    url: `${base}interactions.csv`,
    url_options: {
      method: "GET",
      params: whole(pairs).map(([key, value]) => ({ key, value })),
      ...(hasKey ? { headers: [{ key: "X-API-Key", value: `\${${KEY}}` }] } : {}),
    },
    columns: columnsOf(pairs, schema).map(([output, { type }]) => ({
      selector: output,
      text: output,
      type: GRAFANA_TYPES[type] ?? "string",
    })),
  };
  return `${JSON.stringify(query, null, 2)}\n`;
}

const TS_TYPES = { float: "number", int: "number", bool: "boolean" };

function typescript({ pairs, base, schema, hasKey }) {
  const fields = columnsOf(pairs, schema).map(([output, { type, nullable }]) => {
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
  const url = new URL(${JSON.stringify(urlOf(base, "interactions", pairs))});
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

export const SNIPPETS = [
  { name: "curl", words: "A shell.", write: curl },
  { name: "Python", words: "pandas reads the CSV straight from its URL.", write: python },
  { name: "Power Query", words: "Excel or Power BI: New source › Blank query › Advanced editor.", write: powerQuery },
  { name: "Grafana", words: "Infinity data source: the panel's query, as JSON.", write: grafana },
  { name: "TypeScript", words: "Every page of one snapshot; runs in browsers and in Node.", write: typescript },
];
