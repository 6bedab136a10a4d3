'use strict';
// Elements, numbers and curves: what page.js draws the page with.

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
      const text = String(v);
      // The last one stays inside the picture.
      const middle = Math.min(this.px(v), this.width - 3.6 * text.length);
      canvas.append(svg('text', {class: 'tick', x: middle, y: bottom + 15,
                                 'text-anchor': 'middle'}, text));
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
