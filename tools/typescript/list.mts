// Lists all conversations of a chatbot with openapi-fetch, as a program of another team would: node list.mjs URL ID, with the
// key in OKCHAT_API_KEY, where no list of processes shows it.
import createClient from "openapi-fetch";
import type { components, paths } from "./openapi.js";

declare const process: { argv: string[]; env: Record<string, string | undefined>; exitCode?: number };

type Conversation = components["schemas"]["Conversation"];

async function* conversations(baseUrl: string, chatbotId: string, key: string): AsyncGenerator<Conversation> {
  const client = createClient<paths>({ baseUrl, headers: { "x-api-key": key } });
  for (let page = 1, pages = 1; page <= pages; page++) {
    const { data, response } = await client.GET("/api/external/chatbot/{chatbotId}/conversations", {
      params: { path: { chatbotId }, query: { page, limit: 100 } },
    });
    if (!data) {
      throw new Error(`page ${page}: status ${response.status}`);
    }
    pages = data.metadata.totalPages;
    yield* data.data;
  }
}

const [, , url = "", id = ""] = process.argv;
const key = process.env["OKCHAT_API_KEY"] ?? "";
try {
  for await (const c of conversations(url, id, key)) {
    console.log(`${c.created_at}\t${c.platform}\t${c.id}`);
  }
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
