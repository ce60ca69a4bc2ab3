// What a generated client is to ask, in the words of the document, and how it tells what it sent and found.
declare const process: { readonly argv: readonly string[] };

type Question = {
  attr?: string[];
  attr_pair?: string[];
  channel_type?: string[];
  is_abandoned?: ("true" | "false")[];
  from?: string;
  to?: string;
  fields?: string;
  limit?: number;
};

export const [, , base = "", questions = "[]"] = process.argv;

/** Asks every question, and prints the ids of the rows and the URLs sent, in the same order. */
export async function run(
  ask: (question: Question) => Promise<readonly { readonly interaction_id: string }[]>,
  sent: readonly string[],
): Promise<void> {
  const found: string[][] = [];
  for (const question of JSON.parse(questions) as Question[]) {
    found.push((await ask(question)).map((row) => row.interaction_id));
  }
  console.log(JSON.stringify({ found, sent }));
}
