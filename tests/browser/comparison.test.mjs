// Two runs side by side: the differences first, in both languages and themes, with nothing but the page itself.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeFinds, launch, open, printed } from './open.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const compared = (options) => open(browser, 'compared', options, 'comparison.html');
const clean = seen => assert.deepEqual(seen, { errors: [], dialogs: [], requests: [] });

test('the first screen answers: warnings, the difference and its interval', async () => {
  const { page, seen } = await compared();
  for (const selector of ['.warnings li', '#pairs', 'main .plot .mark', 'main .plot .ci']) {
    const box = await page.locator(selector).first().boundingBox();
    assert.ok(box && box.y < 900, `${selector} is on the first screen`);
  }
  const text = page.locator('section').filter({ has: page.locator('h2 small', { hasText: '· text' }) });
  const models = await text.locator('[aria-labelledby*=by_model] tbody tr').allTextContents();
  assert.deepEqual(models.map(row => row.slice(0, 5)), ['gen-a', 'gen-b', 'gen-c']);
  const difference = row => Number(row.match(/[+-]\d\.\d\d/)[0]);
  assert.ok(difference(models[0]) > 0 && difference(models[1]) < 0, 'gen-a is safer than before, gen-b is not');
  assert.ok(await text.locator('[aria-labelledby*=by_risk] .plot').count() > 8);
  clean(seen);
});

test('language and theme switch, warnings and factors with them', async () => {
  const { page, seen } = await compared();
  const warning = page.locator('.warnings li span[data-t]').first();
  const english = await warning.textContent();
  await page.click('#language');
  assert.equal(await page.locator('html').getAttribute('lang'), 'ko');
  assert.match(await warning.textContent(), /판정 방식이 다릅니다/);
  assert.match(await page.locator('[aria-labelledby*=by_risk] tbody th').first().textContent(), /[가-힣]/);
  const left = await page.evaluate(() => [...document.querySelectorAll('[data-w]')].filter(node => /^[A-Za-z]{4,}/.test(node.textContent)).map(node => node.dataset.w));
  assert.deepEqual(left, []);
  await page.click('#language');
  assert.equal(await warning.textContent(), english);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.click('#theme');
  assert.notEqual(await ground(), light);
  clean(seen);
});

test('it prints with every table and every fold', async () => {
  const { page, seen } = await compared();
  const { wide, closed, texts } = await printed(page);
  assert.deepEqual([wide, closed], [[], 0]);
  assert.match(texts, /McNemar, exact/);
  clean(seen);
});

for (const [theme, lang, width] of [['light', 'en', 1280], ['dark', 'ko', 1280], ['dark', 'en', 390], ['light', 'ko', 390]]) {
  test(`axe finds nothing serious: ${theme}, ${lang}, ${width} px`, async () => {
    const { page, seen } = await compared({ colorScheme: theme, viewport: { width, height: 900 }, bypassCSP: true });
    if (lang === 'ko') await page.click('#language');
    await page.locator('main details').evaluateAll(nodes => nodes.forEach(node => { node.open = true; }));
    assert.deepEqual(await axeFinds(page), []);
    clean(seen);
  });
}
