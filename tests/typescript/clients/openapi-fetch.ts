import createClient from "openapi-fetch";
import type { paths } from "../facade.js";
import { base, run } from "./questions.js";

const sent: string[] = [];
const client = createClient<paths>({
  baseUrl: base,
  fetch: (request) => {
    sent.push(request.url);
    return fetch(request);
  },
});

await run(
  async (query) => {
    const { data, error } = await client.GET("/interactions", { params: { query } });
    if (error) throw new Error(`${error.code}: ${error.detail}`);
    return data.items;
  },
  async (query) => {
    const { data, error } = await client.GET("/queue-entries/summary", { params: { query } });
    if (error) throw new Error(`${error.code}: ${error.detail}`);
    return data.items;
  },
  sent,
);
