// Has programs that people use record one visit to a page that lists conversations, and okchat check read what they recorded. It
// has to find the one fault that was planted, nothing else, and to have looked at all that was recorded. The programs are the
// developer tools that are part of Chromium; Playwright, with bodies in the file, beside it, in a zip archive and left out; and
// mitmproxy where HAR_DUMP names its script of that name.
//
//	node producers.mjs OKCHAT CHROMIUM [HAR_DUMP]
/// <reference types="node" />
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { chromium, type Page } from "playwright-core";

const [, , okchat = "", executablePath = "", harDump] = process.argv;
const scratch = mkdtempSync(join(tmpdir(), "producers"));
const children: ChildProcess[] = [];

// start runs a program and waits for the words that it prints.
async function start(command: string, args: string[], words: RegExp): Promise<RegExpMatchArray> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let talk = "";
    const listen = (text: Buffer) => {
      const match = (talk += text).match(words);
      if (match) resolve(match);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.on("error", reject).on("exit", () => reject(new Error(`${command} ended: ${talk}`)));
  });
}

// front serves an empty page and hands on what is asked of the API, as a gateway does: it compresses, answers preflights, lets
// browsers keep answers, and breaks page 9.
function front(upstream: string) {
  return createServer(async ({ method = "GET", url = "/", headers }, response) => {
    response.setHeader("Access-Control-Allow-Origin", "*");
    if (!url.startsWith("/api/")) {
      response.setHeader("Content-Security-Policy", "connect-src http://127.0.0.1:*");
      response.setHeader("Content-Type", "text/html");
      response.end('<!DOCTYPE html><link rel="icon" href="data:,">');
      return;
    }
    if (method === "OPTIONS") {
      response.writeHead(204, { "Access-Control-Allow-Headers": "x-api-key" }).end();
      return;
    }
    const answer = await fetch(upstream + url, { method, headers: { "x-api-key": String(headers["x-api-key"]) } });
    let body = Buffer.from(await answer.arrayBuffer());
    const etag = `"${createHash("sha256").update(body).digest("base64")}"`;
    response.setHeader("Content-Type", answer.headers.get("content-type") ?? "");
    if (answer.ok) response.setHeader("ETag", etag).setHeader("Cache-Control", url.includes("page=2") ? "max-age=600" : "no-cache");
    if (headers["if-none-match"] === etag) {
      response.writeHead(304).end();
      return;
    }
    if (url.includes("page=9")) body = Buffer.from(body.toString().replace(/"totalCount": *\d+/, '"totalCount":"many"'));
    const [coding, compress] = url.includes("page=2") ? (["br", brotliCompressSync] as const) : (["gzip", gzipSync] as const);
    if (!url.includes("page=3") && headers["accept-encoding"]?.includes(coding)) {
      response.setHeader("Content-Encoding", coding);
      body = compress(body);
    }
    response.writeHead(answer.status, { "Content-Length": body.length }).end(method === "HEAD" ? undefined : body);
  });
}

// address has a server listen, and returns its URL.
async function address(server: ReturnType<typeof front>): Promise<string> {
  await once(server.listen(0, "127.0.0.1").unref(), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// check reads a recording. counts is how many exchanges are expected to be checked, not to be checked, of other endpoints, and
// against the contract.
function check(recording: string, ...counts: number[]): void {
  const args = ["check", "--format", "json", "--off", "leaked-person", recording];
  const { stdout, stderr } = spawnSync(okchat, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  const report = JSON.parse(stdout || "{}");
  console.log(stderr.trim());
  const { exchanges, unchecked, elsewhere, violations } = report;
  assert.deepEqual([exchanges, unchecked, elsewhere, violations], counts, `${recording}: ${stdout.slice(0, 2000)}`);
  assert.deepEqual([report.errors, report.leaks], [[], 0], recording);
}

const options = { executablePath, args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"] };
try {
  const [, chatbot = "", serve = "", key = ""] = await start(okchat, ["serve", "--addr", "127.0.0.1:0", "--synthetic", "250"],
    /chatbot (\S+) at (\S+)\nThe key is (\S+),/);
  const [origin, other] = [await address(front(serve)), await address(front(serve))];
  const path = `/api/external/chatbot/${chatbot}/conversations`;

  // visit asks for all that a recorder may have to write down, one after the other.
  const visit = async (page: Page): Promise<void> => {
    const wrong = { headers: { "x-api-key": "wrong" } };
    const visits: [want: string, url: string, init?: object][] = [
      ["200", `${path}?page=1&limit=100`], ["200", `${path}?page=2&limit=100`], ["200", `${path}?page=3&limit=100`],
      ["200", `${path}?page=1&limit=100`], // asked for again: 304
      ["200", `${path}?page=2&limit=100`], // out of the cache
      ["200", `${path}?page=1&limit=10`, { method: "HEAD" }],
      ["200", `${other}${path}?page=1&limit=10`], // after a preflight
      ["401", `${path}?page=1`, wrong],
      ["TypeError", `${serve}${path}?page=1`], // its preflight is refused
      ["TypeError", `http://127.0.0.1:9${path}?page=1`], // at a port that browsers refuse
      ["TypeError", `http://localhost:1${path}?page=1`], // against the policy of the page
      ["200", `${path}?page=9&limit=10`],
    ];
    await page.goto(origin);
    const got = await page.evaluate(async ({ visits, key }) => {
      const got = [];
      for (const [, url, init] of visits) {
        const asked = fetch(url, { headers: { "x-api-key": key }, ...init });
        got.push(await asked.then(async (r) => (await r.text(), String(r.status)), (e) => e.name));
      }
      return got;
    }, { visits, key });
    assert.deepEqual(got, visits.map(([want]) => want));
  };

  // The developer tools look at the page out of a page of their own, and save what their network panel lists.
  const profile = join(scratch, "profile");
  const debugging = ["--remote-debugging-port=0", "--remote-allow-origins=*"];
  const context = await chromium.launchPersistentContext(profile, { ...options, args: [...options.args, ...debugging] });
  while (!existsSync(join(profile, "DevToolsActivePort"))) await sleep(50);
  const debug = `127.0.0.1:${readFileSync(join(profile, "DevToolsActivePort"), "utf8").split("\n")[0]}`;
  const page = await context.newPage();
  await page.goto(`${origin}/?seen`);
  const targets = (await (await fetch(`http://${debug}/json/list`)).json()) as { id: string; url: string }[];
  const panel = await context.newPage();
  const target = targets.find((t) => t.url.endsWith("seen"))?.id;
  await panel.goto(`http://${debug}/devtools/inspector.html?ws=${debug}/devtools/page/${target}`);
  const lists = (what: string) => panel.evaluate(async (what) => {
    const { NetworkLog } = await import(String("/devtools/models/logs/logs.js"));
    const requests: { url(): string; finished: boolean }[] = NetworkLog.NetworkLog.instance().requests();
    return requests.some((r) => r.finished && r.url().includes(what));
  }, what);
  while (!(await lists("seen"))) await page.reload(), await sleep(200);
  await visit(page);
  while (!(await lists("page=9"))) await sleep(200);
  writeFileSync(join(scratch, "chromium.har"), await panel.evaluate(async () => {
    const { Writer } = await import(String("/devtools/models/har/har.js"));
    const { NetworkLog } = await import(String("/devtools/models/logs/logs.js"));
    const progress: object = { createSubProgress: () => progress };
    return Writer.Writer.harStringForRequests([...NetworkLog.NetworkLog.instance().requests()], { sanitize: false }, progress) as string;
  }));
  await context.close();
  check(join(scratch, "chromium.har"), 8, 3, 4, 1);

  const browser = await chromium.launch(options);
  for (const [name, content, ...counts] of [
    ["embed.har", "embed", 9, 2, 1, 1], ["attach.har", "attach", 9, 2, 1, 1], ["attach.har.zip", "attach", 9, 2, 1, 1],
    ["omit.har", "omit", 2, 9, 1, 0], // HEAD and the 401 need no body
  ] as const) {
    const recording = join(scratch, name);
    const context = await browser.newContext({ recordHar: { path: recording, content, mode: "full" } });
    await visit(await context.newPage());
    await context.close();
    check(recording, ...counts);
  }
  if (harDump) {
    const recording = join(scratch, "mitmproxy.har");
    const args = ["--listen-host", "127.0.0.1", "--listen-port", "0", "--scripts", harDump, "--set", `hardump=${recording}`];
    const [, proxy] = await start("mitmdump", args, /listening at \S*?(127\.0\.0\.1:\d+)/);
    const context = await browser.newContext({ proxy: { server: `http://${proxy}` } });
    await visit(await context.newPage());
    await context.close();
    const mitmdump = children.at(-1)!;
    mitmdump.kill("SIGINT");
    await once(mitmdump, "exit");
    check(recording, 7, 1, 3, 1);
  }
  await browser.close();
} finally {
  children.forEach((child) => child.kill());
  rmSync(scratch, { recursive: true, force: true });
}
process.exit();
