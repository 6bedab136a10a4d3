// The stages of the recipe as a graph, laid out by report_graph.cc: here layers
// and rows become pixels.

const STATES = {
  done: ['✓', 'done'], begun: ['▶', 'under way'], waiting: ['·', 'to do'],
};
const EDGES = {
  from: 'starts from', data: 'learns from its data', judge: 'is judged by',
};
const stageId = (name) => 'stage-' + name;

class Graph {
  constructor(graph) {
    this.graph = graph;
    this.canvas = svg('svg', {role: 'group', 'aria-label': 'Stages'});
    this.box = el('div', {class: 'scroll graph'});
    this.box.append(this.canvas);
    this.node = el('div', {}, this.box, this.legend());
    this.width = 0;
    new ResizeObserver(() => requestAnimationFrame(() => {
      if (this.box.clientWidth !== this.width) this.draw();
    })).observe(this.box);
  }
  draw() {
    const {layers, rows, nodes, edges} = this.graph;
    this.width = this.box.clientWidth;
    const step = Math.max(108, Math.min(170, (this.width - 2) / layers));
    const size = {gap: 22, height: 52, row: 62};
    size.width = step - size.gap;
    const x = (layer) => 1 + layer * step;
    const y = (row) => row * size.row + 1;
    const width = x(layers - 1) + size.width + 1;
    const height = rows * size.row + 2;
    this.canvas.setAttribute('width', width);
    this.canvas.setAttribute('height', height);
    this.canvas.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.canvas.replaceChildren(
        ...edges.flatMap((edge) => this.drawEdge(edge, x, y, size)),
        ...nodes.map((n) => this.drawNode(n, x(n.layer), y(n.row), size)));
  }
  drawEdge(edge, x, y, size) {
    const path = edge.path.map(([layer, row]) => [x(layer), y(row)]);
    let d = `M${path[0][0] + size.width} ${path[0][1]}`;
    for (let i = 1; i < path.length; ++i) {
      const [left, top] = path[i];
      const right = path[i - 1][0] + size.width, above = path[i - 1][1];
      const middle = (left + right) / 2;
      d += `C${middle} ${above} ${middle} ${top} ${left} ${top}`;
      if (i + 1 < path.length) d += `H${left + size.width}`;
    }
    const [tip, level] = path[path.length - 1];
    return [svg('path', {class: 'edge ' + edge.kind, d}),
            svg('path', {class: 'tip ' + edge.kind,
                         d: `M${tip - 6} ${level - 3.5}L${tip} ${level}` +
                             `L${tip - 6} ${level + 3.5}Z`})];
  }
  drawNode(node, x, middle, size) {
    const top = middle - size.height / 2;
    const [mark, state] = STATES[node.state];
    const group = node.state === 'waiting' ? svg('g', {}) :
        svg('a', {href: '#' + stageId(node.name)});
    group.setAttribute('class', 'node ' + node.state);
    const most = Math.floor((size.width - 26) / 7.2);
    const name = node.name.length > most ?
        node.name.slice(0, most - 1) + '…' : node.name;
    group.append(
        svg('title', {}, [node.name, node.kind, state, node.time]
            .filter((t) => t).join(', ')),
        svg('rect', {x, y: top, width: size.width, height: size.height, rx: 7}),
        svg('text', {class: 'mark', x: x + 8, y: top + 18}, mark),
        svg('text', {class: 'name', x: x + 21, y: top + 18}, name),
        svg('text', {class: 'more', x: x + 8, y: top + 32},
            node.kind.replaceAll('_', ' ')),
        svg('text', {class: 'more', x: x + 8, y: top + 45}, node.time));
    return group;
  }
  legend() {
    const {nodes, edges} = this.graph;
    const legend = el('p', {class: 'legend'});
    for (const [state, [mark, words]] of Object.entries(STATES)) {
      if (nodes.some((n) => n.state === state)) {
        legend.append(el('span', {}, `${mark} ${words}`));
      }
    }
    for (const [kind, words] of Object.entries(EDGES)) {
      if (!edges.some((e) => e.kind === kind)) continue;
      const line = svg('svg', {width: 26, height: 8});
      line.append(svg('path', {class: 'edge ' + kind, d: 'M0 4H26'}));
      legend.append(el('span', {}, line, ' ' + words));
    }
    return legend;
  }
}
