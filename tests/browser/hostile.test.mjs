// Some 350 attempts at script in every field that comes from outside: none runs, each can be read.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { execFileSync } from 'node:child_process';
import { launch, open, until } from './open.mjs';

const payloads = JSON.parse(execFileSync('python3', ['-c', 'import json; from payloads import payloads; print(json.dumps(payloads()))'], { cwd: import.meta.dirname }));
let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

/** As the report shows a text: what moves, turns or hides is spelled out. */
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const visible = text => text.replace(HIDDEN, c => `<U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}>`);
const plain = text => text.replace(/\s+/g, ' ').trim();

test('no payload runs, opens a dialog or asks for anything, and every one is text', async () => {
  const { page, seen } = await open(browser, 'hostile');
  assert.ok(payloads.length >= 300);
  // Everything that a reader can do: all cards, all folds, both languages, every picture.
  for (let count = 0; count < payloads.length;) {
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await page.waitForFunction(before => document.querySelectorAll('#list article').length > before, count);
    count = await page.locator('#list article').count();
  }
  assert.equal(await page.locator('#list article').count(), payloads.length);
  await page.evaluate(() => Promise.all([...document.querySelectorAll('#list article')].map(node => node.fill())));
  await page.evaluate(() => document.querySelectorAll('#list details').forEach(node => { node.open = true; }));
  await page.waitForFunction(() => [...document.querySelectorAll('#list details')].every(node => node.childElementCount > 1));
  await page.click('#reveal');
  await page.click('#language');
  await page.click('#language');
  await page.waitForTimeout(300);
  const list = plain(await page.locator('#list').textContent());
  const heads = await page.locator('#list article h3 > span:last-child').allTextContents();
  payloads.forEach((payload, at) => assert.equal(plain(heads[at]), plain(visible(`${at} ${payload}`.replace(/[\u0000-\u001f\u007f-\u00a0]/g, '_')))));
  for (const payload of payloads) assert.ok(list.includes(plain(visible(payload)).slice(0, 1500)), payload);
  const state = await page.evaluate(() => ({ pwned: 'pwned' in window, frames: frames.length, scripts: document.scripts.length,
    alien: document.querySelectorAll('object, base, form:not(#filters), meta[http-equiv=refresh], link, iframe, math, svg script, #list [onerror], #list [onload], #list script, #list style').length }));
  assert.deepEqual(state, { pwned: false, frames: 0, scripts: 4 + Math.floor((payloads.length - 1) / 50), alien: 0 });
  assert.deepEqual(seen, { errors: [], dialogs: [], requests: [] });
});

test('a script that does get in is stopped by the policy', async () => {
  const { page, seen } = await open(browser, 'hostile');
  await page.evaluate(() => {
    document.getElementById('list').innerHTML = '<img src=x onerror="top.pwned=1"><svg onload="top.pwned=1"></svg>';
    const script = document.createElement('script');
    script.textContent = 'top.pwned = 1';
    document.body.append(script);
  });
  await until(page, () => seen.errors.length >= 3);
  assert.equal(await page.evaluate(() => 'pwned' in window), false);
  assert.ok(seen.errors.length >= 3 && seen.errors.every(text => /Content Security Policy/.test(text)), seen.errors.join('\n'));
});
