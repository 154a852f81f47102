// 10,000 videos of 8 frames: a page that still opens and filters at once. Figures are printed; they are held against their limits where the machine is idle.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { launch, open, RUNS } from './open.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

/** Milliseconds from a change of the filters until the list is on screen again. */
const filtered = (page, field, value) => page.evaluate(async ([name, to]) => {
  const node = document.querySelector(`[name=${name}]`);
  const start = performance.now();
  node.value = to;
  node.dispatchEvent(new Event('input', { bubbles: true }));
  const script = performance.now() - start;
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return { script, painted: performance.now() - start };
}, [field, value]);

/** Milliseconds that this machine takes just now for what any page does with as many strings. */
const yardstick = page => page.evaluate(() => {
  const start = performance.now();
  const texts = Array.from({ length: 20_000 }, (_, at) => `Item ${at * 7919 % 20_011} `.repeat(5).toUpperCase().toLowerCase()).sort();
  const list = document.createElement('div');
  list.append(...texts.slice(0, 2000).map(text => Object.assign(document.createElement('p'), { textContent: text })));
  document.body.append(list);
  list.getBoundingClientRect();
  list.remove();
  return performance.now() - start;
});

test('10,000 items paint at once and filter while typing', async context => {
  // The fastest of three rounds, each on a page of its own: what the page takes, not what other programs do.
  const best = {};
  let [first, ready, yard] = [Infinity, Infinity, Infinity];
  const steps = [['text', 'w'], ['text', 'words of clip 77'], ['text', ''], ['model', 'gen-b'], ['risk', 'R10'], ['safety', '2'], ['model', ''], ['sort', 'worst'], ['risk', '']];
  for (let round = 0; round < 3; round += 1) {
    const { page, seen, context: opened } = await open(browser, 'large');
    first = Math.min(first, await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
    ready = Math.min(ready, await page.evaluate(() => performance.getEntriesByType('navigation')[0].domComplete));
    await page.waitForTimeout(500);
    for (const [field, value] of steps) {
      const took = await filtered(page, field, value);
      const what = `${field}=${value}`;
      if (!(best[what]?.painted < took.painted)) best[what] = took;
      await page.waitForTimeout(100); // as long as a reader's hand at least
    }
    yard = Math.min(yard, await yardstick(page));
    assert.deepEqual(seen, { errors: [], dialogs: [], requests: [] });
    await opened.close();
  }
  const idle = os.loadavg()[0] < os.cpus().length;
  if (!idle) context.diagnostic(`load ${os.loadavg()[0].toFixed(1)} on ${os.cpus().length} cores: limits not held`);
  // A slower machine has as much more time as it takes for anything else.
  const slower = Math.max(1, yard / 100);
  for (const [what, took] of Object.entries(best)) assert.ok(!idle || took.painted < 100 * slower, `${what}: ${took.painted} ms until painted`);
  const pages = fs.readdirSync(path.join(RUNS, 'large/run/report-data')).length;
  const size = fs.statSync(path.join(RUNS, 'large/run/report.html')).size;
  context.diagnostic(`yardstick ${yard.toFixed(0)} ms, first paint ${first.toFixed(0)} ms, complete ${ready.toFixed(0)} ms, filters script/painted ms (${Object.entries(best).map(([what, took]) => `${what} ${took.script.toFixed(0)}/${took.painted.toFixed(0)}`).join(', ')}); report.html ${(size / 1e6).toFixed(1)} MB, ${pages} pages of data`);
  assert.ok(!idle || first < 1000 * slower, `first paint after ${first} ms`);
});

test('details come from pages beside the report, checked against their digests', async () => {
  const { page, seen, context } = await open(browser, 'large');
  await page.fill('input[name=text]', 'clip-07777');
  await page.waitForSelector('#list img');
  assert.equal(await page.locator('#list article').first().locator('img').count(), 8);
  await page.locator('#list img').first().scrollIntoViewIfNeeded();
  await page.waitForFunction(() => document.querySelector('#list img').naturalWidth > 0);
  assert.deepEqual(seen, { errors: [], dialogs: [], requests: [] });
  await context.close();
  // One byte of one page of data is changed: that page is not believed.
  const data = path.join(RUNS, 'large/run/report-data/0.html');
  const before = fs.readFileSync(data, 'utf8');
  fs.writeFileSync(data, before.replace('"number":1', '"number":2'));
  try {
    const { page } = await open(browser, 'large');
    await page.fill('input[name=text]', 'clip-00001');
    await page.waitForSelector('#list [data-w=missing_details]');
    assert.equal(await page.locator('#list img').count(), 0);
  } finally {
    fs.writeFileSync(data, before);
  }
});
