// One browser for all tests: Debian's chromium, a page from disk, and an account of everything that a report must not do.
import { chromium } from 'playwright-core';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

export const RUNS = process.env.BROWSER_RUNS;
export const report = name => pathToFileURL(path.join(RUNS, name, 'run', 'report.html')).href;

// The sandbox of chromium needs user namespaces, which containers and root seldom have; what is opened here is our own page.
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'] });

/** Opens a report; `seen` collects errors of the console, dialogs and every request but for files of the report's own folder. */
export async function open(browser, name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const seen = { errors: [], dialogs: [], requests: [] };
  const home = new URL('.', report(name)).href;
  page.on('console', message => ['error', 'warning'].includes(message.type()) && seen.errors.push(message.text()));
  page.on('pageerror', error => seen.errors.push(String(error)));
  page.on('dialog', dialog => { seen.dialogs.push(dialog.message()); dialog.dismiss(); });
  page.on('request', request => request.url().startsWith(home) || request.url().startsWith('data:') || seen.requests.push(request.url()));
  await page.goto(report(name));
  await page.waitForSelector('#list article');
  return { page, seen, context };
}
