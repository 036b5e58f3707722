// fetch.mjs URL CHATBOT KEY N LIMIT: gets a page N times with openapi-fetch and prints what one took, in nanoseconds.
import createClient from "openapi-fetch";

const [baseUrl, chatbotId, key, n, limit] = process.argv.slice(2);
const client = createClient({ baseUrl, headers: { "x-api-key": key } });

async function get() {
	const { data, error } = await client.GET("/api/external/chatbot/{chatbotId}/conversations", {
		params: { path: { chatbotId }, query: { page: 1, limit: Number(limit) } },
	});
	if (error || data.data.length !== Number(limit)) throw new Error("not the page");
}

for (let i = 0; i < 50; i++) await get(); // until it is compiled
const start = process.hrtime.bigint();
for (let i = 0; i < Number(n); i++) await get();
console.log(String(Number(process.hrtime.bigint() - start) / Number(n)));
