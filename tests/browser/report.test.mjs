// A reader's way through a report: look, filter, sort, search, unblur, listen, switch, print.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeFinds, launch, open, printed, tooWide } from './open.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const shown = page => page.locator('#list article').count();
const told = async page => Number((await page.locator('#count').textContent()).split(' ')[0]);

async function clean(seen) {
  assert.deepEqual(seen, { errors: [], dialogs: [], requests: [] });
}

test('the first screen answers: models with intervals, outcomes, warnings', async () => {
  const { page, seen } = await open(browser, 'showcase');
  for (const selector of ['.first .chart .mark', '.first .ci', '.first .stack rect', '.warnings li', '.banner']) {
    const box = await page.locator(selector).first().boundingBox();
    assert.ok(box && box.y < 900, `${selector} is on the first screen`);
  }
  assert.equal(await page.locator('.first tbody th[scope=row]', { hasText: 'gen-a' }).count() > 0, true);
  assert.match(await page.locator('header').textContent(), /showcase.*Items: text 88, image 32, audio 12, video 12 · Judges: replay/s);
  await clean(seen);
});

for (const [width, least] of [[1240, 4], [390, 4]]) {
  test(`intervals can be seen and no table of the first screen is wider than it: ${width} px`, async () => {
    const { page, seen } = await open(browser, 'showcase', { viewport: { width, height: 900 } });
    const bars = await page.locator('.first .ci').evaluateAll(nodes => nodes.map(node => node.getBoundingClientRect().width - node.parentNode.querySelector('.mark').getBoundingClientRect().width));
    assert.ok(bars.length > 9 && bars.every(beyond => beyond >= least), `pixels of bars beyond their marks: ${bars}`);
    const ends = page.locator('.first tbody td small', { hasText: /^\d\.\d\d – \d\.\d\d$/ });
    const box = await ends.first().boundingBox();
    assert.ok(box && box.x + box.width <= width, 'the ends of an interval are on the screen');
    assert.deepEqual((await tooWide(page)).filter(one => width > 400 || one.startsWith('mean')), []);
    await clean(seen);
  });
}

test('filter, sort and search change the list and say how many fit', async () => {
  const { page, seen } = await open(browser, 'showcase');
  const all = await told(page);
  await page.selectOption('select[name=model]', 'gen-c');
  const some = await told(page);
  assert.ok(some > 0 && some < all);
  await page.selectOption('select[name=modality]', 'video');
  assert.ok(await told(page) < some);
  for (const text of await page.locator('#list article > h3 + p').allTextContents()) assert.match(text, /video.*gen-c/);
  await page.click('button[type=reset]');
  await page.waitForFunction(total => document.getElementById('count').textContent.startsWith(String(total)), all);
  await page.selectOption('select[name=sort]', 'worst');
  const levels = (await page.locator('#list article h3 .badge').allTextContents()).map(Number).filter(level => !Number.isNaN(level));
  assert.deepEqual(levels, [...levels].sort((one, other) => one - other));
  assert.ok(levels.length > 5);
  await page.fill('input[name=text]', 'r21_pep');
  assert.equal(await told(page), 3);
  await page.selectOption('select[name=safety]', '1');
  await page.fill('input[name=text]', 'no such words anywhere');
  assert.equal(await page.locator('#count').textContent(), 'Nothing fits these filters.');
  await clean(seen);
});

test('a cell of the heat map leads to its items', async () => {
  const { page, seen } = await open(browser, 'showcase');
  const pick = page.locator('.pick[data-model="gen-b"][data-risk="R10"]').first();
  await pick.click();
  assert.equal(await page.inputValue('select[name=risk]'), 'R10');
  for (const text of await page.locator('#list article > h3 + p').allTextContents()) assert.match(text, /R10.*gen-b/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'items');
  await clean(seen);
});

test('pictures are blurred until asked for, with their times and the evidence framed', async () => {
  const { page, seen } = await open(browser, 'showcase');
  await page.selectOption('select[name=modality]', 'video');
  const article = page.locator('#list article', { has: page.locator('.evidence') }).first();
  const blur = () => article.locator('img').first().evaluate(img => getComputedStyle(img).filter);
  assert.match(await blur(), /blur/);
  await article.locator('.reveal').click();
  assert.equal(await blur(), 'none');
  assert.equal(await article.locator('.reveal').getAttribute('aria-pressed'), 'true');
  await page.waitForFunction(img => img.complete && img.naturalWidth > 0, await article.locator('img').first().elementHandle()); // the picture is there
  assert.match(await article.locator('.evidence figcaption').first().textContent(), /\d\.\d\d s evidence/);
  assert.equal(await article.locator('.timeline .frame').count(), await article.locator('img').count());
  await page.click('#reveal');
  assert.equal(await page.locator('#list .blurred img').last().evaluate(img => getComputedStyle(img).filter), 'none');
  await clean(seen);
});

test('sound plays, with its waveform and marks', async () => {
  const { page, seen } = await open(browser, 'showcase');
  await page.selectOption('select[name=modality]', 'audio');
  const article = page.locator('#list article', { has: page.locator('audio') }).first();
  await article.waitFor();
  assert.ok(await article.locator('.wave rect').count() > 20);
  const audio = article.locator('audio').first();
  await audio.scrollIntoViewIfNeeded();
  await audio.evaluate(async node => { node.muted = true; await node.play(); });
  // The mark moves with the player's `timeupdate`, which a browser sends when it sees fit (up to 250 ms apart).
  await page.waitForFunction(head => parseFloat(head.getAttribute('x1')) > 0, await article.locator('.head').first().elementHandle());
  assert.ok(await audio.evaluate(node => node.currentTime) > 0);
  await clean(seen);
});

test('what was sent and the raw reply are there when opened', async () => {
  const { page, seen } = await open(browser, 'showcase');
  await page.selectOption('select[name=modality]', 'video');
  await page.selectOption('select[name=outcome]', 'scored');
  const article = page.locator('#list article').first();
  await article.locator('summary', { hasText: 'What exactly was sent' }).click();
  assert.match(await article.locator('details[open] code').first().textContent(), /^[0-9a-f]{64}$/);
  await article.locator('summary', { hasText: 'raw replies' }).click();
  assert.match(await article.locator('details[open] pre').last().textContent(), /"choices"/);
  await clean(seen);
});

test('language and theme switch in the page', async () => {
  const { page, seen } = await open(browser, 'showcase');
  await page.click('#language');
  assert.equal(await page.locator('html').getAttribute('lang'), 'ko');
  assert.equal(await page.locator('#models').textContent(), '어느 모델이 더 안전한가?');
  assert.match(await page.locator('#list article').first().textContent(), /채점됨|판정/);
  assert.match(await page.locator('.warnings li span[data-t]').first().textContent(), /[가-힣]/);
  const left = await page.evaluate(() => [...document.querySelectorAll('[data-w]')].filter(node => /^[A-Za-z]{4,}/.test(node.textContent)).map(node => node.dataset.w));
  assert.deepEqual(left, []);
  await page.click('#language');
  assert.equal(await page.locator('#models').textContent(), 'Which model is safer?');
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.click('#theme');
  assert.notEqual(await ground(), light);
  await clean(seen);
});

test('the keyboard reaches everything', async () => {
  const { page, seen } = await open(browser, 'showcase');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'text');
  await page.selectOption('select[name=modality]', 'video');
  const reveal = page.locator('#list .reveal').first();
  await reveal.waitFor();
  await reveal.focus();
  await page.keyboard.press('Space');
  assert.equal(await reveal.getAttribute('aria-pressed'), 'true');
  await clean(seen);
});

test('it prints, with the items and without the controls', async () => {
  const { page, seen } = await open(browser, 'showcase');
  const [all, folds] = [await told(page), await page.locator('main details[open]').count()];
  const { pdf, wide, closed, texts } = await printed(page);
  assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
  assert.ok(pdf.length > 50_000, `${pdf.length} bytes`);
  assert.equal(await page.locator('#filters').isVisible(), false);
  assert.equal(await shown(page), all, 'more items than on screen');
  assert.ok(texts.includes(`${all} of ${all} items printed.`), 'it says how many are printed');
  assert.deepEqual(wide, [], 'every table fits the paper');
  assert.equal(closed, await page.locator('main details.long').count(), 'only what was sent stays closed');
  for (const text of ['Prompt 0, of type', 'An example answer of gen-a', 'Category × Model', 'Krippendorff']) assert.ok(texts.includes(text), text);
  assert.equal(await page.locator('main details[open]').count(), folds, 'what was closed is closed again');
  await clean(seen);
});

for (const [theme, lang, width] of [['light', 'en', 1280], ['dark', 'ko', 1280], ['dark', 'en', 390], ['light', 'ko', 390]]) {
  test(`axe finds nothing serious: ${theme}, ${lang}, ${width} px`, async () => {
    const { page, seen } = await open(browser, 'showcase', { colorScheme: theme, viewport: { width, height: 900 }, bypassCSP: true });
    if (lang === 'ko') await page.click('#language');
    await page.locator('#list details').evaluateAll(nodes => nodes.slice(0, 20).forEach(node => { node.open = true; }));
    assert.deepEqual(await axeFinds(page), []);
    await clean(seen);
  });
}
