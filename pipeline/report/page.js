// Draws the page from the JSON in #data. All text from the model enters the
// page through textContent, never as markup.

const data = JSON.parse(document.getElementById('data').textContent);
const place = (id) => document.getElementById(id);

// --- Curves ------------------------------------------------------------------
function drawCharts() {
  const parent = place('charts');
  for (const spec of data.charts) {
    if (spec.x.length) parent.append(new Chart(spec).node);
  }
  if (!data.charts.length) parent.append('No steps are recorded yet.');
}

// --- Outcome ---------------------------------------------------------------
function drawOutcome() {
  for (const tile of data.tiles) {
    place('tiles').append(el('div', {class: 'tile'},
        el('div', {class: 'name'}, tile.name),
        el('div', {class: 'value'}, tile.value),
        el('div', {class: 'more'}, tile.more || '')));
  }
  if (!data.evals.length) return;
  const table = el('table', {});
  const names = data.evals[0].metrics.map((m) => m[0]);
  table.append(el('thead', {}, el('tr', {}, el('th', {}, 'held-out'),
      ...data.evals.map((e) => el('th', {}, 'step ' + e.step)))));
  const body = el('tbody', {});
  names.forEach((name, i) => {
    const is_share =
        !['mean_length', 'problems', 'abstained', 'errors'].includes(name);
    body.append(el('tr', {}, el('td', {}, name.replaceAll('_', ' ')),
        ...data.evals.map((e) => {
          const value = e.metrics[i] ? e.metrics[i][1] : null;
          return el('td', {}, is_share ? percent(value) : format(value));
        })));
  });
  table.append(body);
  place('evals').append(table);
}

// --- Samples ---------------------------------------------------------------
// The pieces cut where the reasoning's tags begin and end, so that a tag is
// found even where its tokens differ in shade. Each cut: [text, shade, tag],
// with the tag's text on the last cut of a tag.
function cutAtTags(pieces) {
  const whole = pieces.map((p) => p[0]).join('');
  const ends = new Map();
  const edges = new Set();
  for (const match of whole.matchAll(/<think>|<\/think>/g)) {
    edges.add(match.index).add(match.index + match[0].length);
    ends.set(match.index + match[0].length, match[0]);
  }
  const cuts = [];
  let at = 0;
  for (const [text, shade] of pieces) {
    let from = 0;
    for (let i = 1; i <= text.length; ++i) {
      if (i < text.length && !edges.has(at + i)) continue;
      cuts.push([text.slice(from, i), shade, ends.get(at + i)]);
      from = i;
    }
    at += text.length;
  }
  return cuts;
}

// pieces: [text, shade 0..9]; a higher shade was less likely when sampled.
// The reasoning folds away.
function drawText(pieces, shaded) {
  const out = el('div', {class: 'out'});
  let target = out;
  for (const [text, shade, tag] of cutAtTags(pieces)) {
    const span = el('span', {}, text);
    if (shaded && shade > 0) {
      span.style.backgroundColor =
          `rgba(var(--shade), ${(shade * 0.07).toFixed(2)})`;
    }
    target.append(span);
    if (tag === '<think>' && target === out) {
      target = el('span', {class: 'think'});
      const box = el('details', {class: 'think-box', open: ''},
                     el('summary', {}, 'reasoning'), target);
      out.append(box);
    } else if (tag === '</think>') {
      target = out;
    }
  }
  return out;
}

function fact(name, value, style) {
  return el('span', {}, name + ' ', el('b', {class: style || ''}, value));
}

function drawSample(sample, shaded) {
  const facts = el('div', {class: 'facts'}, fact('sample', sample.index));
  const a = sample.advantage;
  if (sample.kind === 'score') {
    facts.append(fact('reward', format(sample.reward)));
  } else if (sample.kind) {
    facts.append(fact('reward', sample.kind, 'bad'));
  }
  if (a !== null && a !== undefined) {
    facts.append(fact('advantage', a.toFixed(2),
                      a > 0 ? 'good' : a < 0 ? 'bad' : ''));
  }
  for (const [name, value] of sample.components || []) {
    facts.append(fact(name, format(value)));
  }
  for (const [name, value] of sample.metrics || []) {
    facts.append(fact(name, format(value)));
  }
  for (const [rule, answer] of sample.extracted || []) {
    facts.append(fact(rule + ' found', answer));
  }
  for (const rule of sample.not_applicable || []) {
    facts.append(fact(rule, 'not applicable'));
  }
  facts.append(fact('tokens', sample.tokens), fact('end', sample.finish));
  const side = a > 0 ? ' up' : a < 0 ? ' down' : '';
  const node = el('article', {class: 'sample' + side}, facts,
                  drawText(sample.pieces, shaded));
  if (sample.detail) {
    node.append(el('div', {class: 'facts why'}, sample.detail));
  }
  return node;
}

function drawBrowser() {
  const parent = place('browser');
  if (!data.steps.length) {
    parent.append('No samples are recorded.');
    return;
  }
  const step = el('select', {});
  data.steps.forEach((s, i) => step.append(
      el('option', {value: i}, s.step)));
  const prompt = el('select', {});
  const shade = el('input', {type: 'checkbox'});
  const sort = el('select', {}, el('option', {value: 'index'}, 'sample'),
                  el('option', {value: 'best'}, 'advantage, best first'),
                  el('option', {value: 'long'}, 'length, longest first'));
  const group = el('div', {class: 'group'});
  const question = el('p', {class: 'question'});
  const show = () => {
    const chosen = data.steps[step.value].groups[prompt.value];
    question.replaceChildren(chosen.question, ' ',
        el('span', {class: 'ref'}, chosen.reference));
    const samples = chosen.samples.slice();
    if (sort.value === 'best') {
      samples.sort((x, y) => (y.advantage || 0) - (x.advantage || 0));
    } else if (sort.value === 'long') {
      samples.sort((x, y) => y.tokens - x.tokens);
    }
    group.replaceChildren(
        ...samples.map((s) => drawSample(s, shade.checked)));
  };
  const fill = () => {
    prompt.replaceChildren(...data.steps[step.value].groups.map((g, i) =>
        el('option', {value: i}, g.source)));
    show();
  };
  step.addEventListener('change', fill);
  prompt.addEventListener('change', show);
  sort.addEventListener('change', show);
  shade.addEventListener('change', show);
  parent.append(el('div', {class: 'controls'},
      el('label', {}, 'step ', step), el('label', {}, 'prompt ', prompt),
      el('label', {}, 'order ', sort),
      el('label', {}, shade, ' shade unlikely tokens')), question, group);
  parent.append(el('p', {class: 'note'}, data.samples_note));
  step.value = data.steps.length - 1;
  fill();
}

function drawAnswers() {
  const parent = place('answers');
  if (!data.answers.length) parent.append('No evaluation is recorded.');
  for (const pair of data.answers) {
    parent.append(el('p', {class: 'question'}, pair.question, ' ',
                     el('span', {class: 'ref'}, pair.reference)));
    const group = el('div', {class: 'group'});
    for (const side of pair.sides) {
      const node = el('article',
          {class: 'sample ' + (side.correct ? 'up'
                               : side.correct === false ? 'down' : '')},
          el('div', {class: 'facts'}, fact('step', side.step),
             fact('answer', side.correct === null ? 'not judged'
                      : side.correct ? 'right' : 'wrong',
                  side.correct ? 'good'
                      : side.correct === false ? 'bad' : ''),
             fact('tokens', side.tokens), fact('end', side.finish)),
          drawText([[side.text, 0]], false));
      group.append(node);
    }
    parent.append(group);
  }
}

function drawEvents() {
  const parent = place('events');
  if (!data.events.length) {
    parent.append('None.');
    return;
  }
  const body = el('tbody', {});
  for (const event of data.events) {
    body.append(el('tr', {}, el('td', {}, event.time),
        el('td', {}, event.step < 0 ? '' : event.step),
        el('td', {}, event.kind), el('td', {class: 'text'}, event.message)));
  }
  parent.append(el('table', {}, el('thead', {}, el('tr', {},
      el('th', {}, 'time'), el('th', {}, 'step'), el('th', {}, 'kind'),
      el('th', {}, 'what'))), body));
}

drawOutcome();
drawCharts();
drawBrowser();
drawAnswers();
drawEvents();
