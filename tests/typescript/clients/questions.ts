// What a generated client is to ask, in the words of the document, and how it tells what it sent and found.
declare const process: { readonly argv: readonly string[] };

type Conditions = {
  attr?: string[];
  attr_pair?: string[];
  channel_type?: string[];
  is_abandoned?: ("true" | "false")[];
  from?: string;
  to?: string;
  limit?: number;
};
type Question = Conditions & { fields?: string };
type Summary = Conditions & {
  by?: string;
  measures?: string;
  interval?: "15m" | "30m" | "hour" | "day" | "week" | "month";
  time_zone?: string;
  fill?: "zero";
  sort?: string;
};
type Group = { readonly [column: string]: unknown };

export const [, , base = "", questions = "[]", summaries = "[]"] = process.argv;

/** Asks every question, then every summary; prints the ids of the rows, the groups, and the URLs sent in that order. */
export async function run(
  ask: (question: Question) => Promise<readonly { readonly interaction_id: string }[]>,
  summarize: (summary: Summary) => Promise<readonly Group[]>,
  sent: readonly string[],
): Promise<void> {
  const found: string[][] = [];
  for (const question of JSON.parse(questions) as Question[]) {
    found.push((await ask(question)).map((row) => row.interaction_id));
  }
  const groups: (readonly Group[])[] = [];
  for (const summary of JSON.parse(summaries) as Summary[]) groups.push(await summarize(summary));
  console.log(JSON.stringify({ found, groups, sent }));
}
