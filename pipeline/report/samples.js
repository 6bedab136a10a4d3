// Text of a model: samples, held-out answers, and what a stage kept. It enters
// the page through textContent, never as markup.

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

function drawQuestion(problem) {
  return el('p', {class: 'question'}, problem.question, ' ',
            el('span', {class: 'ref'}, problem.reference));
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
  if (sample.fate) {
    const is_kept = sample.fate === 'kept';
    facts.prepend(fact(is_kept ? '' : 'dropped:', sample.fate,
                       is_kept ? 'good' : 'bad'));
  }
  const is_up = sample.fate ? sample.fate === 'kept' : a > 0;
  const is_down = sample.fate ? !is_up : a < 0;
  const side = is_up ? ' up' : is_down ? ' down' : '';
  const node = el('article', {class: 'sample' + side}, facts,
                  drawText(sample.pieces, shaded));
  if (sample.detail) {
    node.append(el('div', {class: 'facts why'}, sample.detail));
  }
  return node;
}

// The samples of a stage, step by step and prompt by prompt.
function drawBrowser(stage) {
  const step = el('select', {});
  stage.steps.forEach((s, i) => step.append(
      el('option', {value: i}, s.step)));
  const prompt = el('select', {});
  const shade = el('input', {type: 'checkbox'});
  const sort = el('select', {}, el('option', {value: 'index'}, 'sample'),
                  el('option', {value: 'best'}, 'reward, best first'),
                  el('option', {value: 'long'}, 'length, longest first'));
  const shown = el('div', {});
  const show = () => {
    const chosen = stage.steps[step.value].groups[prompt.value];
    const samples = chosen.samples.slice();
    if (sort.value === 'best') {
      samples.sort((x, y) => (y.reward ?? -Infinity) - (x.reward ?? -Infinity));
    } else if (sort.value === 'long') {
      samples.sort((x, y) => y.tokens - x.tokens);
    }
    shown.replaceChildren(drawQuestion(chosen), el('div', {class: 'group'},
        ...samples.map((s) => drawSample(s, shade.checked))));
  };
  const fill = () => {
    prompt.replaceChildren(...stage.steps[step.value].groups.map((g, i) =>
        el('option', {value: i}, g.source)));
    show();
  };
  step.addEventListener('change', fill);
  prompt.addEventListener('change', show);
  sort.addEventListener('change', show);
  shade.addEventListener('change', show);
  step.value = stage.steps.length - 1;
  fill();
  return [el('div', {class: 'controls'},
             el('label', {}, 'step ', step), el('label', {}, 'prompt ', prompt),
             el('label', {}, 'order ', sort),
             el('label', {}, shade, ' shade unlikely tokens')),
          shown, el('p', {class: 'note'}, stage.samples_note)];
}

// --- Held-out answers --------------------------------------------------------
function drawAnswer(answer) {
  const verdict = answer.correct === null ? ['not judged', '', ''] :
      answer.correct ? ['right', 'good', ' up'] : ['wrong', 'bad', ' down'];
  return el('article', {class: 'sample' + verdict[2]},
      el('div', {class: 'facts'}, el('b', {}, answer.by),
         el('b', {class: verdict[1]}, verdict[0]),
         fact('tokens', answer.tokens), fact('end', answer.finish)),
      drawText([[answer.text, 0]], false));
}

// One problem at a time, with all that was answered to it side by side.
function drawAnswers(problems) {
  const problem = el('select', {}, ...problems.map((p, i) => {
    const text = (p.task ? p.task + ': ' : '') + p.question;
    return el('option', {value: i},
              text.length > 70 ? text.slice(0, 69) + '…' : text);
  }));
  const shown = el('div', {});
  const show = () => {
    const chosen = problems[problem.value];
    shown.replaceChildren(drawQuestion(chosen), el('div', {class: 'group'},
        ...chosen.answers.map(drawAnswer)));
  };
  problem.addEventListener('change', show);
  show();
  return [el('div', {class: 'controls'}, el('label', {}, 'problem ', problem)),
          shown];
}

// --- What was kept -----------------------------------------------------------
function drawKept(kept) {
  const row = (name, count, style) => {
    const bar = el('div', {class: 'bar ' + style});
    bar.style.width = (100 * count / kept.drawn).toFixed(1) + '%';
    return el('tr', {}, el('td', {}, name), el('td', {}, format(count)),
              el('td', {}, percent(count / kept.drawn)),
              el('td', {class: 'bars'}, bar));
  };
  const nodes = [el('div', {class: 'scroll'}, el('table', {class: 'counts'},
      el('tbody', {}, row('kept', kept.kept, 'good'),
         ...kept.dropped.map((d) => row('dropped: ' + d[0], d[1], 'bad')))))];
  if (kept.examples.length) {
    nodes.push(el('div', {class: 'group examples'}, ...kept.examples.map(
        (e) => el('div', {}, drawQuestion(e), drawSample(e.sample, false)))));
  }
  return nodes;
}
