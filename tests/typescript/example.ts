// A small client of the façade. Its types are generated from openapi/facade.json: what it assumes, the compiler checks.
import createClient from "openapi-fetch";
import type { components, operations, paths } from "./facade.js";

type Interaction = components["schemas"]["Interaction"];
type InteractionList = components["schemas"]["InteractionList"];
type Problem = components["schemas"]["Problem"];
type Query = NonNullable<operations["listInteractions"]["parameters"]["query"]>;

declare const process: { readonly argv: readonly string[] };

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "http://127.0.0.1:8080" });

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
  }
}

/** One page; the cursor is null for the first. */
async function page(query: Query, cursor: string | null): Promise<InteractionList> {
  const { data, error } = await client.GET("/interactions", {
    params: { query: cursor === null ? query : { ...query, cursor } },
  });
  if (error) throw new Refused(error);
  return data;
}

/** Every row of a query, page after page of one snapshot. */
async function* rows(query: Query): AsyncGenerator<Interaction> {
  let cursor: string | null = null;
  do {
    const { items, next_cursor } = await page(query, cursor);
    yield* items;
    cursor = next_cursor;
  } while (cursor !== null);
}

/** The outcome in words; a word that the façade adds later does not compile until it has its own. */
function said(outcome: Interaction["sla_outcome"]): string {
  switch (outcome) {
    case "met":
      return "answered in time";
    case "missed":
      return "answered too late, or not at all";
    case "excluded":
      return "given up at once";
    case "not_applicable":
      return "never queued";
    default:
      return outcome satisfies never;
  }
}

async function main(): Promise<void> {
  const ids = new Set<string>();
  const waits = new Map<string, number>();
  let count = 0;
  for await (const row of rows({ limit: 250 })) {
    count += 1;
    ids.add(row.interaction_id);
    const queue: string = row.first_queue_name ?? "(not queued)";
    waits.set(queue, (waits.get(queue) ?? 0) + (row.queue_seconds ?? 0));
  }

  const found: string[] = [];
  for await (const row of rows({ attr_pair: ["customAttributeWithResource=valueOne"], include: "attributes" })) {
    const names = row.attributes?.map((attribute) => attribute.name) ?? [];
    found.push(`${row.interaction_id} ${row.first_queue_name} ${said(row.sla_outcome)} ${names.length}`);
  }

  let refusal: Problem | undefined;
  try {
    for await (const _ of rows({ sort: "startd_at" })) break;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refusal = error.problem;
  }

  console.log(
    JSON.stringify({
      count,
      distinct: ids.size,
      queues: [...waits.keys()].sort(),
      found,
      refused: refusal?.code,
      meant: refusal?.errors?.[0]?.did_you_mean,
    }),
  );
}

await main();
