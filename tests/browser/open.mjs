// One browser for all tests: Debian's chromium, a page from disk, and an account of everything that a report must not do.
import { chromium } from 'playwright-core';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

export const RUNS = process.env.BROWSER_RUNS;
export const report = (name, file = 'report.html') => pathToFileURL(path.join(RUNS, name, 'run', file)).href;

// The sandbox of chromium needs user namespaces, which containers and root seldom have; what is opened here is our own page.
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'] });

/** Opens a report; `seen` collects errors of the console, dialogs and every request but for files of the report's own folder. */
export async function open(browser, name, options = {}, file = 'report.html') {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(60_000); // longer than anything takes where nothing is stuck
  const page = await context.newPage();
  const seen = { errors: [], dialogs: [], requests: [] };
  const home = new URL('.', report(name)).href;
  page.on('console', message => ['error', 'warning'].includes(message.type()) && seen.errors.push(message.text()));
  page.on('pageerror', error => seen.errors.push(String(error)));
  page.on('dialog', dialog => { seen.dialogs.push(dialog.message()); dialog.dismiss(); });
  page.on('request', request => request.url().startsWith(home) || request.url().startsWith('data:') || seen.requests.push(request.url()));
  await page.goto(report(name, file));
  await page.waitForSelector(file === 'report.html' ? '#list article' : 'main .plot');
  return { page, seen, context };
}

/** Waits until something holds here that comes by itself; whoever asks looks whether it did. */
export async function until(page, holds) {
  for (let left = 1200; left > 0 && !holds(); left -= 1) await page.waitForTimeout(50);
}

/** Every table of a page that is wider than its place, at this width of the screen or of paper. */
export const tooWide = page => page.evaluate(() => [...document.querySelectorAll('main .scroll')].filter(node => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
  .map(node => `${node.getAttribute('aria-labelledby') ?? node.dataset.label}: ${node.scrollWidth} in ${node.clientWidth} px`));

/** Prints for real; then what the page is on A4 between margins of 12 mm, as long as it is printed: tables that do not fit, and what is still closed. */
export async function printed(page) {
  const pdf = await page.pdf({ format: 'A4', printBackground: true });
  await page.emulateMedia({ media: 'print' });
  await page.setViewportSize({ width: 703, height: 1000 });
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  const wide = await tooWide(page);
  const closed = await page.locator('main details:not([open])').count();
  const texts = await page.locator('body').innerText();
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  return { pdf, wide, closed, texts };
}

/** What axe calls serious in a page, regions of one name, and a page wider than its screen; needs `bypassCSP`. */
export async function axeFinds(page) {
  // Axe takes what is not rendered yet for as high as it will be, and holds texts against what will be far below them.
  await page.addStyleTag({ content: 'article { content-visibility: visible }' });
  await page.evaluate(fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  const serious = violations.filter(one => ['serious', 'critical'].includes(one.impact) || one.id === 'landmark-unique');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  const found = serious.map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`);
  return wide > 0 ? [...found, `the page is ${wide} px wider than the screen`] : found;
}
