// Looks at the program's pages with a headless Chromium: the documentation of okchat serve sends a request and shows the answer,
// the page of okchat stats draws, okchat view shows an archive, nothing is asked for beyond loopback, and the console has no errors.
//
//	node browser.mjs OKCHAT CHROMIUM REFERENCE COVERAGE [FOLDER]
//
// The first two are programs, the next two the reference page of the contract and that of its coverage; screenshots go to the folder.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [okchat, executablePath, reference, coverage, folder] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'browser'));
const server = spawn(okchat, ['serve', '--addr', '127.0.0.1:0', '--synthetic', '20000'], { stdio: ['ignore', 'ignore', 'pipe'] });
// What leaves for another host ends at a proxy where nobody listens, and is a fault.
const browser = await chromium.launch({
  executablePath, args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update'],
  proxy: { server: 'http://127.0.0.1:9', bypass: '127.0.0.1' },
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  const faults = [], answers = [];
  page.on('request', (r) => /^(https?:\/\/127\.0\.0\.1:|data:|blob:|file:)/.test(r.url()) || faults.push(`a page asked for ${r.url()}`));
  page.on('requestfailed', (r) => faults.push(`failed: ${r.url()} ${r.failure()?.errorText}`));
  page.on('response', (r) => r.url().includes('/api/') && answers.push(`${r.status()} ${r.url()}`));
  page.on('console', (m) => ['error', 'warning', 'assert'].includes(m.type()) && faults.push(`console ${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => faults.push(`exception: ${e.message}`));
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const picture = (name) => folder && page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });

  let talk = '';
  for await (const line of createInterface(server.stderr)) {
    talk += `${line}\n`;
    if (line.startsWith('The key is')) break;
  }
  const [, chatbot, url, key] = talk.match(/chatbot (\S+) at (\S+)\nThe key is (\S+),/) ?? assert.fail(`okchat serve said ${talk}`);

  // "Try it out" as a person would: the fields hold the contract's examples, one of them a state of three in four conversations.
  // The key is filled in, and the first example of an answer is the one that was observed.
  await page.goto(url);
  assert((await page.innerText('body')).includes(key));
  await page.click('a[href="/docs/"]');
  await page.locator('.auth-wrapper .authorize.locked').waitFor();
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.notEqual(await paper(), 'rgb(255, 255, 255)', 'the documentation is bright on a dark screen');
  for (const selector of ['.opblock-summary-control', '.try-out__btn', '.execute']) await page.click(selector);
  const row = page.locator('.live-responses-table tbody tr.response').first();
  assert.equal((await row.locator('.response-col_status').innerText()).trim(), '200');
  const answer = await row.locator('.response-col_description').innerText();
  assert(answer.includes('"totalCount": 15000') && answer.includes(chatbot), `the documentation does not show the answer, but ${answer.slice(0, 300)}`);
  assert.equal(answers.length, 1);
  assert(answers[0].startsWith(`200 ${url}/api/`), answers[0]);
  assert((await page.locator('.responses-inner .response .examples-select__section-wrapper, .responses-inner .examples-select').first().innerText()).includes('The page that the vendor'));
  await picture('docs');

  // The page of stats in both colour schemes, on a telephone and on paper.
  const html = join(scratch, 'stats.html');
  const want = JSON.parse(execFileSync(okchat, ['stats', '--quiet', '--json', '--html', html, '--chatbot', chatbot],
    { env: { ...process.env, OKCHAT_API_KEY: key, OKCHAT_BASE_URL: url } }));
  for (const [name, colorScheme, width, media] of [['stats-light', 'light', 1280], ['stats-dark', 'dark', 1280], ['stats-narrow', 'light', 390], ['stats-print', 'dark', 1280, 'print']]) {
    await page.emulateMedia({ colorScheme, media });
    await page.setViewportSize({ width, height: 900 });
    await page.goto(pathToFileURL(html).href);
    const got = await page.evaluate(() => {
      const boxes = (selector) => [...document.querySelectorAll(selector)].map((e) => e.getBoundingClientRect());
      const columns = boxes('.plot rect'), bars = boxes('.bar rect'), root = document.documentElement;
      return {
        total: Number(document.querySelector('dd').textContent), beside: root.scrollWidth - root.clientWidth,
        columns: columns.filter((b) => b.height > 0 && b.width > 0).length, bars: bars.filter((b) => b.width > 0).length,
        tallest: Math.max(...columns.map((b) => b.height)) / Math.max(...boxes('.plot').map((b) => b.height)), widest: Math.max(...bars.map((b) => b.width)),
        labels: boxes('.plot text').filter((b) => b.height >= 8).length,
        scrolls: [...document.querySelectorAll('*')].filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible').length,
        inks: [getComputedStyle(document.body).color, getComputedStyle(document.querySelector('svg rect')).fill],
      };
    });
    const { total, columns, bars, beside, scrolls } = got;
    assert.deepEqual({ total, columns, bars, beside, scrolls },
      { total: want.total, columns: want.per_day.length, bars: want.per_platform.length + want.per_state.length, beside: 0, scrolls: 0 }, name);
    assert(got.tallest >= 0.5 && got.widest >= 50 && got.labels >= 5, `${name}: the plots are not to be seen: ${JSON.stringify(got)}`);
    assert(!got.inks.includes(await paper()), `${name}: nothing stands out: ${JSON.stringify(got)}`);
    if (media) assert.equal(await paper(), 'rgb(255, 255, 255)', name);
    await picture(name);
  }

  // The viewer, as a reader uses it: from the list by a search to the message, and back; with Korean text and Arabic text.
  const archive = join(scratch, 'a.sqlite');
  execFileSync(okchat, ['export', '--quiet', '--messages', '-o', archive], { stdio: 'ignore' });
  const sqlite = (statement) => {
    try {
      return execFileSync('sqlite3', [archive, statement]).toString().trim();
    } catch (e) {
      if (e.code !== 'ENOENT') throw e;
      console.log('NOT CHECKED: Arabic text in the viewer, as there is no sqlite3');
    }
  };
  sqlite(`UPDATE messages SET verbatim = json_set(raw, '$.content', 'مرحبا بكم <script>x</script>') WHERE n = (SELECT min(n) FROM messages)`);
  const viewer = spawn(okchat, ['view', archive], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    const address = await new Promise((found) => createInterface(viewer.stderr).on('line', (line) => found(line.match(/http:\S+/)[0])));
    for (const [name, colorScheme, width, media] of [['view-light', 'light', 1280], ['view-dark', 'dark', 390], ['view-print', 'dark', 800, 'print']]) {
      await page.emulateMedia({ colorScheme, media: media ?? null });
      await page.setViewportSize({ width, height: 900 });
      const fits = async (place) => {
        await picture(`${name}-${place}`);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, `${name}: ${place} scrolls sideways`);
        assert.equal(await paper(), { light: 'rgb(252, 252, 251)', dark: media ? 'rgb(255, 255, 255)' : 'rgb(26, 26, 25)' }[colorScheme], `${name}: ${place}`);
      };
      await page.goto(address);
      assert.equal(await page.locator('.list li').count(), 20, name);
      await fits('list');
      if (!media) {
        await page.fill('[name=q]', '안녕하세요');
        await page.click('button');
      } else await page.goto(`${address}?q=안녕하세요`);
      assert((await page.locator('.list mark').count()) > 3, `${name}: nothing was found`);
      await fits('search');
      await page.locator('.list a').first().click();
      const hit = page.locator('.message:target');
      assert((await hit.innerText()).includes('안녕하세요') && await hit.evaluate((e) => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.top < innerHeight; }), `${name}: the hit is not in sight`);
      await fits('conversation');
    }
    await page.emulateMedia({ colorScheme: 'light', media: null });
    await page.goto(address);
    const first = sqlite('SELECT session_id FROM messages WHERE n = (SELECT min(n) FROM messages)');
    if (first) {
      await page.click(`.list a[href="conversations/${first}"]`);
      assert(await page.locator('.message p', { hasText: '<script>x</script>' }).isVisible(), 'the text of a message is not shown as it is');
      assert.equal(await page.evaluate(() => document.scripts.length), 0, 'the text of a message became a script');
      assert.equal(await page.locator('.message p', { hasText: 'مرحبا' }).evaluate((e) => getComputedStyle(e).direction), 'rtl', 'Arabic text does not run from the right');
    }
    await page.click('nav a:has-text("Statistics")');
    assert.equal(await page.innerText('dd'), '20');
    assert.equal(await page.evaluate(() => document.scripts.length), 0);
  } finally {
    viewer.kill();
  }

  // The same pages as files.
  execFileSync(okchat, ['convert', archive, '--quiet', '-o', join(scratch, 'pages'), '--format', 'html'], { stdio: 'ignore' });
  await page.goto(pathToFileURL(join(scratch, 'pages', 'index.html')).href);
  assert.equal(await page.locator('.list li').count(), 20);
  assert.equal(await paper(), 'rgb(252, 252, 251)', 'files are without their style');
  await page.click('.list a');
  assert((await page.locator('.message').count()) > 0);
  await page.click('nav a:has-text("Statistics")');
  assert.equal(await page.innerText('dd'), '20');
  await page.click('nav a:has-text("Conversations")');
  assert.equal(await page.locator('.list li').count(), 20);

  // Pages that stand still, on white paper that is as narrow as a telephone: words and elements that a reader has to find.
  for (const [name, path, words, selector, least] of [
    ['reference', reference, "List a chatbot's conversations", '.model-container', 5], ['coverage', coverage, 'never seen', '.facet', 60],
  ]) {
    await page.setViewportSize({ width: name === 'coverage' ? 390 : 1280, height: 1000 });
    await page.goto(pathToFileURL(path).href);
    await page.locator(selector).first().waitFor();
    const text = await page.innerText('body'), shown = await page.locator(selector).count();
    assert(text.includes(words) && !text.includes('Could not resolve') && shown >= least, `${name}: it shows ${shown} of ${selector} and says ${text.slice(0, 300)}`);
    await picture(name);
    assert.match(await paper(), /^rgba?\((255, 255, 255|0, 0, 0, 0)\)$/, name);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, `${name} scrolls sideways`);
  }
  assert.deepEqual(faults, []);
} finally {
  await browser.close();
  server.kill();
  rmSync(scratch, { recursive: true });
}
