// Draws the page from the JSON in #data, whose shape is in report_data.h.

const data = JSON.parse(document.getElementById('data').textContent);

// A part of the page, under its heading.
function addSection(title, ...nodes) {
  document.getElementById('page').append(
      el('section', {}, el('h2', {}, title), ...nodes));
}

function drawTable(head, rows, style) {
  return el('div', {class: 'scroll'}, el('table', {class: style || ''},
      el('thead', {}, el('tr', {}, ...head.map((h) => el('th', {}, h)))),
      el('tbody', {}, ...rows)));
}

// --- Of the whole run --------------------------------------------------------
function drawTiles() {
  addSection('Outcome', el('div', {class: 'tiles'}, ...data.tiles.map((tile) =>
      el('div', {class: 'tile'}, el('div', {class: 'name'}, tile.name),
         el('div', {class: 'value'}, tile.value),
         el('div', {class: 'more'}, tile.more || '')))));
}

function drawStageTable({name, table}) {
  const rows = table.rows.map((row) => el('tr', {}, el('td', {}, row.stage),
      ...row.values.map((value, i) => el('td', {},
          row.best[i] ? el('b', {class: 'best'}, value) : value))));
  addSection(titleOf('Stages compared', name),
             drawTable(['stage', ...table.columns], rows),
             el('p', {class: 'note'},
                'On the same held-out problems; the best of a column stands ' +
                'out.'));
}

// Several comparisons have their names behind the title.
function titleOf(title, name) {
  return data.comparisons.length > 1 ? `${title}: ${name}` : title;
}

function drawWarnings() {
  addSection('Worth a look', el('ul', {class: 'warnings'},
      ...data.warnings.map((w) => el('li', {},
          el('a', {href: '#' + stageId(w.stage)}, w.stage), ' ', w.text))));
}

function drawEvents() {
  const stages = data.events.some((e) => e.stage);
  const rows = data.events.map((event) => el('tr', {},
      el('td', {}, event.time), ...(stages ? [el('td', {}, event.stage)] : []),
      el('td', {}, event.step < 0 ? '' : event.step), el('td', {}, event.kind),
      el('td', {class: 'text'}, event.message)));
  addSection('Events', drawTable(
      ['time', ...(stages ? ['stage'] : []), 'step', 'kind', 'what'], rows,
      'left'), ...(data.events_left_out ? [el('p', {class: 'note'},
          `The last ${rows.length}; run.db has the ` +
          `${data.events_left_out} before them.`)] : []));
}

// --- Of one stage ------------------------------------------------------------
function drawStage(stage) {
  const body = el('div', {class: 'body'});
  const part = (title, ...nodes) =>
      body.append(el('h3', {class: 'part'}, title), ...nodes);
  body.append(el('dl', {class: 'about'}, ...stage.facts.map(([name, value]) =>
      el('div', {}, el('dt', {}, name), el('dd', {}, value)))));
  if (stage.charts.length) {
    part('Curves', el('div', {class: 'charts'},
                      ...stage.charts.map((spec) => new Chart(spec).node)),
         ...(stage.charts_left_out ? [el('p', {class: 'note'},
             `${stage.charts_left_out} more numbers of rules are left out; ` +
             'r1 metrics has them.')] : []));
  }
  if (stage.evals) {
    part('Held-out problems', drawTable(
        ['', ...stage.evals.steps.map((step) => 'step ' + step)],
        stage.evals.rows.map((row) => el('tr', {},
            ...row.map((cell) => el('td', {}, cell))))));
  }
  if (stage.answers && stage.answers.length) {
    part('Held-out answers, before and after', ...drawAnswers(stage.answers));
  }
  if (stage.kept) part('Kept and dropped', ...drawKept(stage.kept));
  if (stage.steps) part('Samples', ...drawBrowser(stage));
  return body;
}

// Each folds; what is in it is drawn when it is first opened.
function drawStages() {
  const boxes = data.stages.map((stage) => {
    const [mark, state] = STATES[stage.state];
    const words = stage.state === 'done' ? '' : state;
    const time = stage.facts.find((f) => f[0] === 'time');
    const box = el('details', {class: 'stage', id: stageId(stage.name)},
        el('summary', {}, el('span', {class: 'mark ' + stage.state}, mark), ' ',
           el('b', {}, stage.name), ' ',
           el('span', {class: 'note'},
              [stage.kind.replaceAll('_', ' '), words, time && time[1]]
                  .filter((t) => t && t !== stage.name).join(' · '))));
    box.addEventListener('toggle', () => {
      if (box.open && !box.querySelector('.body')) box.append(drawStage(stage));
    });
    return box;
  });
  // The last that did more than compare others.
  const last = data.stages.findLastIndex((s) => s.kind !== 'compare');
  boxes[Math.max(0, last)].open = true;
  addSection(boxes.length > 1 ? 'Stage by stage' : 'The stage', ...boxes);
}

// A link to a stage opens it.
function openLinked() {
  const box = document.getElementById(decodeURIComponent(
      location.hash.slice(1)));
  if (!box || box.tagName !== 'DETAILS') return;
  box.open = true;
  box.scrollIntoView();
}

drawTiles();
if (data.graph) addSection('Stages', new Graph(data.graph).node);
data.comparisons.forEach(drawStageTable);
if (data.warnings.length) drawWarnings();
if (data.stages.length) drawStages();
for (const {name, problems} of data.comparisons) {
  if (!problems.length) continue;
  addSection(titleOf('One problem, every stage', name),
             ...drawAnswers(problems));
}
if (data.events.length) drawEvents();
window.addEventListener('hashchange', openLinked);
openLinked();
