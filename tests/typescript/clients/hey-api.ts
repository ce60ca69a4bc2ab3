import { client } from "./hey/client.gen.js";
import { listInteractions, summarizeQueueEntries } from "./hey/index.js";
import { base, run } from "./questions.js";

const sent: string[] = [];
client.setConfig({ baseUrl: base });
client.interceptors.request.use((request) => {
  sent.push(request.url);
  return request;
});

await run(
  async (query) => (await listInteractions({ query, throwOnError: true })).data.items,
  async (query) => (await summarizeQueueEntries({ query, throwOnError: true })).data.items,
  sent,
);
