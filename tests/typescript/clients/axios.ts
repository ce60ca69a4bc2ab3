import { Api } from "./swagger/Api.js";
import { base, run } from "./questions.js";

const sent: string[] = [];
const api = new Api({ baseURL: base });
api.instance.interceptors.request.use((request) => {
  sent.push(api.instance.getUri(request));
  return request;
});

await run(
  async (query) => (await api.interactions.listInteractions(query)).data.items,
  async (query) => (await api.queueEntries.summarizeQueueEntries(query)).data.items,
  sent,
);
