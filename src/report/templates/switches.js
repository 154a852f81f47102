// Language and theme: what every page has. Texts enter a page as text nodes only, so that nothing from outside is ever read as markup.
'use strict';
const root = document.documentElement;
const byId = id => document.getElementById(id);
const data = JSON.parse(byId('data').textContent);
let lang = data.lang === 'ko' ? 1 : 0;

const own = (map, key) => (Object.hasOwn(map, key) ? map[key][lang] : undefined);
const word = key => own(data.words, key) ?? key;
const named = code => own(data.names, code) ?? '';

function translate() {
  root.lang = lang ? 'ko' : 'en';
  for (const node of document.querySelectorAll('[data-w]')) node.textContent = word(node.dataset.w);
  for (const node of document.querySelectorAll('[data-n]')) node.textContent = named(node.dataset.n);
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = data.texts[node.dataset.t][lang];
  for (const node of document.querySelectorAll('[data-label]')) node.setAttribute('aria-label', word(node.dataset.label));
  for (const node of document.querySelectorAll('[data-title]')) node.title = word(node.dataset.title);
  for (const node of document.querySelectorAll('option[data-code]')) node.textContent = `${node.value} ${named(node.value)}`;
  const other = byId('language');
  [other.textContent, other.lang] = lang ? ['English', 'en'] : ['한국어', 'ko'];
}

byId('language').addEventListener('click', () => { lang = 1 - lang; translate(); });
byId('theme').addEventListener('click', event => {
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  event.currentTarget.setAttribute('aria-pressed', String(!dark));
});
byId('theme').setAttribute('aria-pressed', String(matchMedia('(prefers-color-scheme: dark)').matches));
document.querySelector('.switches').hidden = false;

// Paper has no folds: what a reader could open is open while the page is printed, but for what is marked as too long for it.
let unfolded = [];
addEventListener('beforeprint', () => {
  unfolded = [...document.querySelectorAll('details:not([open], .long)')];
  for (const node of unfolded) node.open = true;
});
addEventListener('afterprint', () => { for (const node of unfolded) node.open = false; });
