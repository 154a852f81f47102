// The items of the report, listed, filtered, sorted and shown a few at a time.
(() => {
  const PAGE = 12; // cards added at a time
  const PRINTED = 200; // cards on paper, at most
  const SVG = 'http://www.w3.org/2000/svg';
  const { scopes } = data;
  const items = JSON.parse(byId('rows').textContent);

  // Building

  function grown(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children.filter(child => child !== null && child !== undefined));
    return node;
  }
  const el = (tag, attributes = {}, ...children) => grown(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) => grown(document.createElementNS(SVG, tag), attributes, children);
  const say = key => el('span', { 'data-w': key }, word(key));
  const code = text => el('code', {}, text);
  const counted = number => number.toLocaleString('en-US');
  const seconds = t => `${t.toFixed(2)} s`;
  const percent = share => `${(100 * Math.min(1, Math.max(0, share))).toFixed(2)}%`;
  const spaced = (parts, gap = ' · ') => parts.filter(Boolean).flatMap((part, at) => (at ? [gap, part] : [part]));
  const badge = safety => el('span', { class: `badge s${safety === undefined ? 'none' : Math.round(safety)}` }, safety === undefined ? '–' : String(+safety.toFixed(2)));
  const scopeText = scope => [scope.judge, scope.rubric, scope.sampler].filter(Boolean).join(' · ');

  /** When the browser has nothing else to do: after the next paint. */
  const later = work => (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 1000 }) : setTimeout(work, 50, { timeRemaining: () => 5 }));

  /** A `<details>` whose inside is made when it is first opened, or printed: `toggle` comes too late for paper. */
  function folded(title, inside, kind = {}) {
    const node = el('details', kind, el('summary', {}, ...title));
    node.fill = () => { node.append(...inside()); node.fill = () => {}; };
    node.addEventListener('toggle', () => node.fill(), { once: true });
    return node;
  }

  // Details of items: in the page, or in pages beside it that hand over their text, which must have the digest that this page names.

  const chunks = new Map();

  function details(position) {
    const number = Math.floor(position / data.chunk);
    if (!chunks.has(number)) chunks.set(number, data.chunks.length ? beside(number) : Promise.resolve(JSON.parse(byId(`chunk-${number}`).textContent)));
    return chunks.get(number).then(rows => rows[position % data.chunk]);
  }

  async function beside(number) {
    const frame = el('iframe', { src: `report-data/${number}.html`, sandbox: 'allow-scripts', hidden: '', title: 'data' });
    let take;
    const text = await new Promise((resolve, reject) => {
      take = event => event.source === frame.contentWindow && resolve(event.data);
      addEventListener('message', take);
      frame.addEventListener('load', () => setTimeout(reject, 5000));
      document.body.append(frame);
    }).finally(() => {
      removeEventListener('message', take);
      frame.remove();
    });
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
    if (btoa(String.fromCharCode(...digest)) !== data.chunks[number]) throw new Error(`report-data/${number}.html was changed`);
    return JSON.parse(text);
  }

  // One item

  function card(position) {
    const item = items[position];
    const [media, ground, told] = [el('div'), el('div'), item.verdicts.map(verdict)];
    const article = el('article', { 'aria-labelledby': `i${position}` },
      el('h3', { id: `i${position}` }, badge(item.safety), ' ', el('span', {}, item.id),
        ...(new Set(item.verdicts.map(one => one.scope)).size > 1 ? [' ', el('small', { class: 'mute' }, say('strictest'))] : [])),
      el('p', { class: 'mute' }, ...spaced([
        say(`m_${item.modality}`),
        ...[item.risk, item.prompt_type].map(of => of && el('span', {}, `${of} `, el('span', { 'data-n': of }, named(of)))), item.model, ...Object.entries(item.tags ?? {}).map(([tag, value]) => `${tag}: ${value}`),
        item.human !== undefined && el('span', {}, say('human_says'), ` ${item.human.toFixed(2)}`),
      ])),
      ...['prompt', 'output'].filter(key => item[key]).map(key => folded([say(key)], () => [text(item, position, key)])),
      media,
      ...(item.notes ?? []).map(([note, message]) => el('p', { class: 'mute' }, code(note), ` ${message}`)),
      ...told,
      ground);
    // Pictures and sound come after the words, and not at all once another filter was chosen.
    article.fill = () => {
      article.fill = () => {};
      return details(position).then(found => {
        const alone = found.strips.length === 1;
        const strips = found.strips.map(one => strip(found, one, item, alone));
        media.append(...unblur(article, found), ...(alone ? strips : []), ...sounds(found, item), ...measured(found));
        if (!alone) strips.forEach((node, at) => told[found.strips[at].verdicts[0]].before(node));
        ground.append(...evidence(found, item));
      }).catch(() => media.append(el('p', { class: 'mute' }, say('missing_details'))));
    };
    later(() => article.isConnected && article.fill());
    return article;
  }

  function text(item, position, key) {
    const pre = el('pre', {}, item[key]);
    if (item.cut) details(position).then(found => { pre.textContent = found[key] ?? item[key]; });
    return pre;
  }

  function verdict(one) {
    const scope = scopes[one.scope];
    const levels = Object.entries(one.dimensions ?? {}).map(([dimension, level]) => `${dimension} ${level}`);
    const odds = one.odds && [say('expected'), ` ${one.odds.expected_safety.toFixed(2)}, `, say('entropy'), ` ${one.odds.entropy.toFixed(2)} `, say('bits')];
    const line = (...parts) => el('p', { class: 'mute' }, ...parts);
    return el('div', { class: 'verdict' },
      el('p', {}, badge(one.safety), ' ', say(one.outcome === 'pending' ? 'pending' : `o_${one.outcome}`), ' ',
        el('span', { class: 'mute' }, scopeText(scope), one.repeat > 1 ? el('span', {}, ' · ', say('repeat'), ` ${one.repeat}`) : null,
          scope.triage ? el('span', {}, ' · ', say('uncalibrated')) : null, scope.probe ? el('span', {}, ' · ', say('probed')) : null)),
      one.reason ? el('p', {}, code(one.reason[0]), ` ${one.reason[1]}`) : null,
      one.rationale ? el('p', { class: 'rationale' }, one.rationale) : null,
      levels.length ? line(say('dimensions'), `: ${levels.join(', ')}`) : null,
      odds ? line(...odds) : null,
      one.evidence ? line(say('evidence'), `: ${one.evidence.map(seconds).join(', ')}`) : null);
  }

  /** The button that unblurs an item's pictures. */
  function unblur(article, { pictures }) {
    const button = el('button', { type: 'button', class: 'reveal', 'aria-pressed': 'false' }, say('reveal'), ` (${pictures.length})`);
    button.addEventListener('click', () => button.setAttribute('aria-pressed', String(article.classList.toggle('seen'))));
    return pictures.length ? [button] : [];
  }

  /** The frames that some verdicts saw, and where these point; it says whose they are unless all of the item's verdicts saw them. */
  function strip(found, { verdicts, frames }, item, alone) {
    const names = places => [...new Set(places.map(place => scopes[item.verdicts[place].scope]))];
    const several = names(verdicts).length > 1;
    const points = places => el('b', {}, ' ', say('evidence_here'), several ? ` (${[...new Set(names(places).map(scope => scope.judge))].join(', ')})` : '');
    const figures = frames.map(({ picture, t, evidence = [] }, at) => el('figure', evidence.length ? { class: 'evidence' } : {},
      el('span', { class: 'blurred' }, picture === null ? el('span', { class: 'absent' }, say('not_kept')) : el('img', { src: found.pictures[picture], alt: '', loading: 'lazy', decoding: 'async' })),
      el('figcaption', {}, t === null ? `${at + 1}` : seconds(t), evidence.length ? points(evidence) : null)));
    const timed = frames.filter(frame => frame.t !== null);
    return el('div', { class: 'seen-by' },
      alone ? null : el('p', { class: 'mute' }, say('seen_by'), ` ${names(verdicts).map(scopeText).join('; ')}`),
      el('div', { class: 'strip' }, ...figures),
      timed.length > 1 ? timeline(found.duration ?? Math.max(...timed.map(frame => frame.t)), timed.map(frame => frame.t), [], timed.filter(frame => frame.evidence).map(frame => frame.t)) : null);
  }

  /** What decoding measured. */
  const measured = ({ signals }) => (signals.length ? [el('p', { class: 'mute' }, say('measured'), ': ', ...spaced(signals.map(([name, value]) => el('span', {}, say(name), ` ${value}`))))] : []);

  /** Where frames and stretches of sound lie in the media, and where a judge points. */
  function timeline(duration, times, spans, points) {
    const x = t => percent(duration > 0 ? t / duration : 0);
    const line = (kind, t) => draw('line', { class: kind, x1: x(t), x2: x(t), y1: 2, y2: 16 });
    return el('div', { class: 'timeline' },
      draw('svg', { height: 18, role: 'img', 'data-label': 'timeline', 'aria-label': word('timeline') },
        draw('line', { class: 'grid', x1: 0, x2: '100%', y1: 9, y2: 9 }),
        ...spans.map(([start, end]) => draw('rect', { class: 'span', x: x(start), width: percent((end - start) / (duration || 1)), y: 5, height: 8 })),
        ...times.map(t => line('frame', t)), ...spans.map(([start]) => line('frame', start)), ...points.map(t => line('point', t))),
      el('span', { class: 'mute' }, seconds(0)), el('span', { class: 'mute' }, seconds(duration)));
  }

  function sounds(found, item) {
    const heard = found.sent.find(sent => sent.chunks.length);
    if (!heard) return [];
    const points = item.verdicts.filter(one => !scopes[one.scope].probe).flatMap(one => one.evidence ?? []);
    const { chunks: parts } = heard;
    const duration = Math.max(found.duration ?? 0, ...parts.map(part => part.end));
    const players = parts.filter(part => part.src).map(part => player(part, points));
    return [timeline(duration, [], parts.map(part => [part.start, part.end]), points),
      ...(players.length ? players : [el('p', { class: 'mute' }, say('sound_absent'))])];
  }

  function player(part, points) {
    const length = part.end - part.start;
    const peaks = part.peaks ?? [];
    const audio = el('audio', { controls: '', preload: 'metadata', src: part.src, 'aria-label': `${seconds(part.start)} – ${seconds(part.end)}` });
    const head = draw('line', { class: 'head', x1: 0, x2: 0, y1: 0, y2: 48 });
    audio.addEventListener('timeupdate', () => ['x1', 'x2'].forEach(key => head.setAttribute(key, percent(audio.currentTime / length))));
    const wave = draw('svg', { class: 'wave', height: 48, 'aria-hidden': 'true' },
      ...peaks.map((peak, at) => draw('rect', { x: percent(at / peaks.length), width: percent(0.7 / peaks.length), y: 24 - Math.max(1, peak * 0.24), height: Math.max(2, peak * 0.48) })),
      ...points.filter(t => t >= part.start && t <= part.end).map(t => draw('line', { class: 'point', x1: percent((t - part.start) / length), x2: percent((t - part.start) / length), y1: 0, y2: 48 })),
      head);
    return el('figure', { class: 'sound' }, peaks.length ? wave : null, audio,
      el('figcaption', {}, say('chunk'), ` ${seconds(part.start)} – ${seconds(part.end)}`));
  }

  function evidence(found, item) {
    const repeated = item.verdicts.some(one => one.repeat > 1);
    const who = place => (item.verdicts[place] ? scopeText(scopes[item.verdicts[place].scope]) : '');
    const which = one => repeated && item.verdicts[one.verdict] && el('span', {}, say('repeat'), ` ${item.verdicts[one.verdict].repeat}`);
    const row = (cells, tag = 'td') => el('tr', {}, ...cells.map(cell => el(tag, {}, cell)));
    const table = sent => el('div', { class: 'scroll', tabindex: 0 }, el('table', {},
      el('thead', {}, row([say('part'), say('time'), say('size'), 'sha256'], 'th')),
      el('tbody', {},
        ...sent.frames.map(frame => row([say('picture'), frame.t === null ? '–' : seconds(frame.t), `${frame.width} × ${frame.height}`, code(frame.sha256)])),
        ...sent.chunks.map(part => row([say('sound'), `${seconds(part.start)} – ${seconds(part.end)}`, '–', code(part.sha256)])))));
    const payload = sent => [
      el('p', { class: 'mute' }, say('sent_for'), `: ${[...new Set(sent.verdicts.map(who))].join('; ')}`),
      sent.fit ? el('p', { class: 'mute' }, say('cut_to'), `: ${sent.fit.kept} / ${sent.fit.of} (${sent.fit.limit})`) : null,
      table(sent)].filter(Boolean);
    const request = one => [
      el('p', { class: 'mute' }, ...spaced([who(one.verdict), which(one), el('span', {}, say('request'), ` ${one.number}`), one.class ?? say('no_end'), one.status && `HTTP ${one.status}`])),
      el('p', { class: 'mute' }, say('endpoint'), ' ', code(one.endpoint), ' · ', say('body'), ' ', code(one.body_digest)),
      one.reply ? el('pre', {}, one.reply) : null,
      one.cut ? el('p', { class: 'mute' }, counted(one.cut), say('left_out')) : null].filter(Boolean);
    return [
      found.sent.length ? folded([say('sent')], () => found.sent.flatMap(payload), { class: 'long' }) : null,
      found.attempts.length ? folded([say('raw'), ` (${found.attempts.length})`], () => found.attempts.flatMap(request), { class: 'long' }) : null].filter(Boolean);
  }

  // The list

  const form = byId('filters');
  const [list, more, count] = [byId('list'), byId('more'), byId('count')];
  let [fitting, shown] = [[], 0];

  // A search must not wait for 10,000 texts in lower case: they are made while nobody asks for anything.
  const said = [];
  const says = at => said[at] ??= [items[at].id, items[at].model, items[at].risk, items[at].prompt_type, items[at].prompt, items[at].output,
    ...Object.values(items[at].tags ?? {}), ...items[at].verdicts.flatMap(one => [one.rationale, ...(one.reason ?? [])])].filter(Boolean).join('\n').toLowerCase();

  function prepare(at) {
    later(deadline => {
      for (; at < items.length && deadline.timeRemaining() > 1; at += 1) says(at);
      if (at < items.length) prepare(at);
    });
  }

  function fits(at, want, text) {
    const item = items[at];
    for (const key of ['model', 'risk', 'prompt_type', 'modality']) if (want[key] && item[key] !== want[key]) return false;
    const { judge, outcome, safety } = want;
    const some = one => (!judge || scopes[one.scope].judge === judge) && (!outcome || one.outcome === outcome) && (!safety || String(one.safety) === safety);
    if ((judge || outcome || safety) && !item.verdicts.some(some)) return false;
    return !text || says(at).includes(text);
  }

  const far = item => (item.human === undefined || item.safety === undefined ? undefined : -Math.abs(item.human - item.safety));
  const ORDERS = { worst: item => item.safety, best: item => item.safety && -item.safety, spread: item => item.spread === undefined ? undefined : -item.spread, human: far };

  /** All positions, ascending by `order`, items without a value last, equals as in the source; sorted once. */
  const sorted = new Map();
  function positions(order) {
    if (!sorted.has(order)) {
      const all = [...items.keys()];
      const keys = ORDERS[order] && items.map(item => ORDERS[order](item) ?? Infinity);
      sorted.set(order, keys ? all.sort((one, other) => keys[one] - keys[other] || one - other) : all);
    }
    return sorted.get(order);
  }

  function refresh() {
    const want = Object.fromEntries(new FormData(form));
    const text = want.text.trim().toLowerCase();
    fitting = positions(want.sort).filter(at => fits(at, want, text));
    shown = 0;
    list.replaceChildren();
    told();
    add(PAGE);
  }

  function add(most) {
    const next = fitting.slice(shown, shown + most);
    shown += next.length;
    list.append(...next.map(card));
  }

  function told() {
    count.replaceChildren(...(fitting.length ? [`${counted(fitting.length)} `, say('of'), ` ${counted(items.length)}`, say('shown')] : [say('nothing')]));
  }

  /** Choices that the items offer; a field with one choice or none is left out. */
  function offer() {
    const values = { model: new Set(), risk: new Set(), prompt_type: new Set(), modality: new Set(), judge: new Set(), outcome: new Set(), safety: new Set() };
    for (const item of items) {
      for (const key of ['model', 'risk', 'prompt_type', 'modality']) if (item[key]) values[key].add(item[key]);
      for (const one of item.verdicts) {
        values.judge.add(scopes[one.scope].judge);
        values.outcome.add(one.outcome);
        if (one.safety) values.safety.add(String(one.safety));
      }
    }
    for (const [key, set] of Object.entries(values)) {
      const select = form.elements[key];
      select.closest('label').hidden = set.size < 2;
      select.append(...[...set].sort().map(value => el('option', { value, ...(key === 'risk' || key === 'prompt_type' ? { 'data-code': value } : key === 'modality' ? { 'data-w': `m_${value}` } : key === 'outcome' ? { 'data-w': value === 'pending' ? value : `o_${value}` } : {}) }, value)));
    }
    form.elements.sort.querySelector('[value=human]').hidden = !items.some(item => item.human !== undefined);
    form.elements.sort.querySelector('[value=spread]').hidden = !items.some(item => item.spread);
  }

  // What a reader does

  byId('reveal').addEventListener('click', event => event.currentTarget.setAttribute('aria-pressed', String(root.classList.toggle('revealed'))));
  form.addEventListener('input', refresh);
  form.addEventListener('submit', event => event.preventDefault());
  form.addEventListener('reset', () => setTimeout(refresh));
  document.addEventListener('click', event => {
    const { risk, model, find } = event.target.closest('[data-risk], [data-find]')?.dataset ?? {};
    if (!risk && !find) return;
    form.reset();
    for (const [key, value] of Object.entries({ risk, model, text: find })) if (value) form.elements[key].value = value;
    refresh();
    byId('items').focus();
    byId('items').scrollIntoView();
  });
  addEventListener('beforeprint', () => {
    add(Math.max(0, Math.min(PRINTED, fitting.length) - shown));
    for (const node of list.querySelectorAll('article, details:not(.long)')) node.fill();
    byId('printed').replaceChildren(`${counted(shown)} `, say('of'), ` ${counted(fitting.length)}`, say('printed'), '. ', say('not_printed'));
  });
  new IntersectionObserver(seen => seen.some(entry => entry.isIntersecting) && add(PAGE), { rootMargin: '1200px' }).observe(more);

  offer();
  translate();
  refresh();
  prepare(0);
})();
