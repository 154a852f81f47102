// screenshots.mjs DIR: the pictures of the README, of the showcase run.
import path from 'node:path';
import { launch, open } from './open.mjs';

const dir = process.argv[2];
const browser = await launch();

/** `at` scrolls to a place; `act` does what a reader would. */
async function shot(name, options, at, act = async () => {}, [run, file] = ['showcase']) {
  const { page, context } = await open(browser, run, options, file);
  await act(page);
  if (at) await page.locator(at).first().evaluate(node => node.scrollIntoView());
  await page.waitForTimeout(300);
  await page.screenshot({ path: path.join(dir, `${name}.png`) });
  await context.close();
}

const wide = { viewport: { width: 1240, height: 820 } };
await shot('report-light-en', { ...wide, colorScheme: 'light' });
await shot('report-dark-ko', { ...wide, colorScheme: 'dark' }, null, page => page.click('#language'));
await shot('report-items', { ...wide, colorScheme: 'light' }, '#list article', async page => {
  await page.selectOption('select[name=modality]', 'video');
  await page.click('#reveal');
  await page.waitForSelector('#list .evidence img');
});
await shot('report-narrow', { viewport: { width: 390, height: 820 }, colorScheme: 'dark' }, '#factors');
const compared = ['compared', 'comparison.html'];
await shot('comparison-light-en', { ...wide, colorScheme: 'light' }, null, undefined, compared);
await browser.close();
