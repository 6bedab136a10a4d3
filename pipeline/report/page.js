'use strict';
// Draws the page from the JSON in #data. All text from the model enters the
// page through textContent, never as markup.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const SVG = 'http://www.w3.org/2000/svg';

  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === 'class') node.className = value;
      else node.setAttribute(key, value);
    }
    for (const child of children) {
      node.append(child instanceof Node ? child : String(child));
    }
    return node;
  }
  function svg(tag, attributes, text) {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      node.setAttribute(key, value);
    }
    if (text !== undefined) node.textContent = text;
    return node;
  }
  const place = (id) => document.getElementById(id);

  // --- Numbers ---------------------------------------------------------------
  function format(value) {
    if (value === null || value === undefined) return '–';
    const size = Math.abs(value);
    if (value === 0) return '0';
    if (size >= 10000) return Math.round(value).toLocaleString('en-US');
    if (size < 0.001) return value.toExponential(1);
    return String(Number(value.toPrecision(4)));
  }
  const percent = (value) =>
    value === null || value === undefined ? '–' :
    (100 * value).toFixed(1) + ' %';

  // Round tick values that cover [low, high], and how many decimals they need.
  function ticks(low, high, count) {
    if (low === high) {
      const pad = low === 0 ? 1 : Math.abs(low) * 0.5;
      if (low !== 0) low -= pad;
      high += pad;
    }
    const raw = (high - low) / count;
    const power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const values = [];
    const first = Math.floor(low / step + 1e-9);
    const last = Math.ceil(high / step - 1e-9);
    for (let i = first; i <= last; ++i) values.push(i * step);
    return {values, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9))};
  }
  // The labels of one axis: one unit for all of them.
  function tickTexts(values, decimals) {
    const step = values[1] - values[0];
    const largest = Math.max(...values.map(Math.abs));
    return values.map((v) => {
      if (v === 0) return '0';
      if (largest >= 1e4) {
        return (v / 1e3).toFixed(step % 1000 ? 1 : 0) + 'k';
      }
      return decimals > 4 ? v.toExponential(0) : v.toFixed(decimals);
    });
  }

  // --- Curves ----------------------------------------------------------------
  // A centred moving mean over a twentieth of the points, at least 5.
  function smooth(values) {
    const half = Math.max(2, Math.round(values.length / 40));
    return values.map((_, i) => {
      let sum = 0, count = 0;
      // As far to the left as to the right, so that the ends do not lag.
      const reach = Math.min(half, i, values.length - 1 - i);
      for (let j = i - reach; j <= i + reach; ++j) {
        if (values[j] === null) continue;
        sum += values[j];
        ++count;
      }
      return count ? sum / count : null;
    });
  }

  class Chart {
    constructor(spec) {
      this.spec = spec;
      this.title = el('h3', {}, spec.title);
      this.key = el('div', {class: 'key'});
      this.canvas = svg('svg', {role: 'img', tabindex: '0'});
      this.node = el('div', {class: 'chart'}, this.title, this.key);
      this.node.append(this.canvas);
      this.at = null;
      const move = (event) => {
        const box = this.canvas.getBoundingClientRect();
        this.select(this.nearest(event.clientX - box.left));
      };
      this.canvas.addEventListener('pointermove', move);
      this.canvas.addEventListener('pointerleave', () => this.select(null));
      this.canvas.addEventListener('blur', () => this.select(null));
      this.canvas.addEventListener('keydown', (event) => {
        const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
        if (!step) return;
        event.preventDefault();
        const last = this.spec.x.length - 1;
        const from = this.at === null ? last : this.at + step;
        this.select(Math.max(0, Math.min(last, from)));
      });
      const first = spec.series[0];
      this.canvas.setAttribute('aria-label',
          `${spec.title}: from ${format(first.y.find((v) => v !== null))} at ` +
          `step ${spec.x[0]} to ${format(first.y[first.y.length - 1])} at ` +
          `step ${spec.x[spec.x.length - 1]}`);
      // Only the width matters; drawing may change the height of the key.
      this.width = 0;
      new ResizeObserver(() => requestAnimationFrame(() => {
        if (this.canvas.clientWidth !== this.width) this.draw();
      })).observe(this.node);
    }
    nearest(px) {
      let best = null, distance = Infinity;
      this.spec.x.forEach((x, i) => {
        const d = Math.abs(this.px(x) - px);
        if (d < distance) [best, distance] = [i, d];
      });
      return best;
    }
    select(index) {
      if (this.at === index) return;
      this.at = index;
      this.draw();
    }
    draw() {
      const {x, series} = this.spec;
      const width = this.canvas.clientWidth, height = 170;
      this.width = width;
      if (!width) return;
      const all = series.flatMap((s) => s.y).concat(
          (this.spec.points || []).map((p) => p[1])).filter((v) => v !== null);
      if (!all.length) return;
      let low = Math.min(...all), high = Math.max(...all);
      if (this.spec.zero) low = Math.min(0, low);
      const yt = ticks(low, high, 4);
      low = yt.values[0];
      high = yt.values[yt.values.length - 1];
      const labels = tickTexts(yt.values, yt.decimals);
      const left = 10 + 6.6 * Math.max(...labels.map((l) => l.length));
      const right = width - 8, top = 8, bottom = height - 22;
      const steps = x.concat((this.spec.points || []).map((p) => p[0]));
      const x0 = Math.min(...steps), x1 = Math.max(...steps);
      this.px = (v) => x1 === x0 ? (left + right) / 2 :
          left + (v - x0) / (x1 - x0) * (right - left);
      const py = (v) => bottom - (v - low) / (high - low) * (bottom - top);
      const canvas = this.canvas;
      canvas.replaceChildren();
      canvas.setAttribute('viewBox', `0 0 ${width} ${height}`);
      yt.values.forEach((v, i) => {
        canvas.append(
            svg('line', {class: 'grid-line', x1: left, x2: right, y1: py(v),
                         y2: py(v)}),
            svg('text', {class: 'tick', x: left - 5, y: py(v) + 4,
                         'text-anchor': 'end'}, labels[i]));
      });
      this.drawSteps(canvas, x0, x1, left, right, bottom);
      series.forEach((s, i) => this.drawSeries(canvas, s, i, py));
      for (const [step, value] of this.spec.points || []) {
        if (value === null) continue;
        canvas.append(svg('circle', {class: 'f1', cx: this.px(step),
                                     cy: py(value), r: 3.5}));
      }
      this.drawKey(canvas, top, bottom);
    }
    drawSteps(canvas, x0, x1, left, right, bottom) {
      const count = Math.max(2, Math.floor((right - left) / 70));
      const xt = x1 === x0 ? {values: [x0]} : ticks(x0, x1, count);
      for (const v of xt.values) {
        if (v < x0 || v > x1 || v !== Math.round(v)) continue;
        canvas.append(svg('text', {class: 'tick', x: this.px(v), y: bottom + 15,
                                   'text-anchor': 'middle'}, String(v)));
      }
    }
    drawSeries(canvas, s, index, py) {
      const line = (values) => {
        let d = '', is_open = false;
        values.forEach((v, i) => {
          if (v === null) { is_open = false; return; }
          d += `${is_open ? 'L' : 'M'}${this.px(this.spec.x[i]).toFixed(1)} ` +
              py(v).toFixed(1);
          is_open = true;
        });
        return d;
      };
      const is_long = s.y.length >= 30;
      canvas.append(svg('path', {
        class: `raw s${index}${is_long ? '' : ' only'}`, d: line(s.y)}));
      if (is_long) {
        canvas.append(svg('path', {class: `smooth s${index}`,
                                   d: line(smooth(s.y))}));
      } else {
        s.y.forEach((v, i) => {
          if (v === null) return;
          canvas.append(svg('circle', {class: `f${index}`, r: 2,
                                       cx: this.px(this.spec.x[i]),
                                       cy: py(v)}));
        });
      }
    }
    drawKey(canvas, top, bottom) {
      const {x, series, points} = this.spec;
      const i = this.at === null ? x.length - 1 : this.at;
      this.key.replaceChildren(`step ${x[i]}`);
      series.forEach((s, k) => {
        this.key.append('  ', el('span', {class: `c${k}`},
            `${s.name ? s.name + ' ' : ''}${format(s.y[i])}`));
      });
      if (points && points.length) {
        this.key.append('  ', el('span', {class: 'c1'}, '● held-out'));
      }
      if (this.at !== null) {
        const px = this.px(x[i]);
        canvas.append(svg('line', {class: 'cross', x1: px, x2: px, y1: top,
                                   y2: bottom}));
      }
    }
  }

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
      const is_share = !['mean_length', 'problems', 'abstained'].includes(name);
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
            {class: 'sample ' + (side.correct ? 'up' : 'down')},
            el('div', {class: 'facts'}, fact('step', side.step),
               fact('answer', side.correct ? 'right' : 'wrong',
                    side.correct ? 'good' : 'bad'),
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
})();
