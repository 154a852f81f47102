// Several samplers: each verdict beside the frames that it saw, and models beside the number that they stand by.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeFinds, launch, open, tooWide } from './open.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const clean = seen => assert.deepEqual(seen, { errors: [], dialogs: [], requests: [] });

/** The strips of an item, each with the verdict that follows it. */
const strips = article => article.locator('.seen-by').evaluateAll(nodes => nodes.map(node => ({
  verdict: node.nextElementSibling.querySelector('.mute').textContent,
  says: node.querySelector('.mute').textContent,
  times: [...node.querySelectorAll('figcaption')].map(caption => caption.firstChild.textContent),
  evidence: [...node.querySelectorAll('.evidence figcaption')].map(caption => caption.firstChild.textContent),
  pictures: [...node.querySelectorAll('img')].map(picture => picture.src),
})));

test('every verdict stands under the frames that it saw, its own evidence framed', async () => {
  const { page, seen } = await open(browser, 'samplers');
  const article = page.locator('#list article').first();
  await article.locator('.seen-by').first().waitFor();
  const found = await strips(article);
  assert.deepEqual(found.map(one => one.times.length).sort((one, other) => one - other), [1, 4, 8]);
  const of = sampler => found.find(one => one.verdict.endsWith(sampler));
  for (const sampler of ['middle', 'uniform:4', 'fps:2']) {
    assert.ok(of(sampler).says.endsWith(sampler), sampler);
    assert.equal(of(sampler).pictures.length, of(sampler).times.length, `${sampler}: every frame has its picture`);
  }
  assert.deepEqual(of('middle').evidence, of('middle').times);
  assert.deepEqual(of('uniform:4').evidence.map(parseFloat), [0.5, 3.5]);
  assert.deepEqual(of('fps:2').evidence.map(parseFloat), [1]);
  const different = new Set(found.flatMap(one => one.pictures)).size;
  assert.match(await article.locator('.reveal').textContent(), new RegExp(`\\(${different}\\)`), 'each moment once');
  assert.match(await article.textContent(), /Measured: over frames \d+ · black 0\.0 %/);
  await clean(seen);
});

test('one button shows the pictures of all samplers, and the one for all items takes its place', async () => {
  const { page, seen } = await open(browser, 'samplers');
  const article = page.locator('#list article').first();
  await article.locator('.reveal').click();
  const blurs = () => article.locator('img').evaluateAll(pictures => [...new Set(pictures.map(picture => getComputedStyle(picture).filter))]);
  assert.deepEqual(await blurs(), ['none']);
  await article.locator('.reveal').click();
  assert.match((await blurs()).join(), /blur/);
  await page.click('#reveal');
  assert.deepEqual(await blurs(), ['none']);
  assert.equal(await article.locator('.reveal').isVisible(), false);
  await clean(seen);
});

test('the first table, its sentence and the differences are about the same numbers', async () => {
  const { page, seen } = await open(browser, 'samplers');
  const block = page.locator('.first tbody', { hasText: 'fps:2' });
  const rows = await block.locator('tr:not(.scope)').allTextContents();
  const [shown, raw] = [rows.map(row => Number(row.match(/\d\.\d\d/)[0])), rows.map(row => Number(row.match(/Raw mean (\d\.\d\d)/)[1]))];
  assert.ok(rows[0].startsWith('gen-a') && shown[0] > shown[1] && raw[0] < raw[1], rows.join('\n'));
  const sentence = await block.locator('.answer').textContent();
  const by = Number(sentence.match(/^gen-a is safer than gen-b by (\d\.\d\d) .* standardised by risk factor/)[1]);
  assert.ok(Math.abs(by - (shown[0] - shown[1])) < 0.011, `${sentence} ${shown}`);
  const duel = page.locator('.duels', { hasText: 'fps:2' }).locator('tbody tr').first();
  assert.equal(await duel.locator('b').first().textContent(), `+${by.toFixed(2)}`);
  assert.match(await duel.locator('.tests b').textContent(), /t of standardised means/);
  assert.match(await duel.textContent(), /Raw mean -\d\.\d\d/);
  assert.deepEqual(await tooWide(page), []);
  await clean(seen);
});

for (const [theme, lang, width] of [['light', 'ko', 1280], ['dark', 'en', 390]]) {
  test(`axe finds nothing serious: ${theme}, ${lang}, ${width} px`, async () => {
    const { page, seen } = await open(browser, 'samplers', { colorScheme: theme, viewport: { width, height: 900 }, bypassCSP: true });
    if (lang === 'ko') await page.click('#language');
    await page.locator('.seen-by').first().waitFor();
    assert.deepEqual(await axeFinds(page), []);
    await clean(seen);
  });
}
