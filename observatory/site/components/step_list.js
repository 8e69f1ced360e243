const make = (tag, words, kind) => {
  const node = document.createElement(tag);
  if (words) node.textContent = words;
  if (kind) node.className = kind;
  return node;
};

const drawBar = (step) => {
  const rail = make('div', '', 'rail');
  const bar = make('div', '', 'bar');
  bar.style.marginLeft = `${Math.min(99, 100 * step.left)}%`;
  bar.style.width = `${Math.max(0, Math.min(100 - 100 * step.left, 100 * step.width))}%`;
  rail.append(bar);
  rail.setAttribute('aria-hidden', 'true');
  return rail;
};

const drawStep = (step, words) => {
  const card = make('li', '', 'step' + (step.is_evidence ? ' evidence' : ''));
  const asked = make('div', step.asked, 'asked');
  if (step.is_evidence) asked.append(make('span', '★ ' + words.evidence, 'badge'));
  const came = make('div', '', 'came');
  came.append(make('span', step.is_good ? '✓' : '✕', 'sign'), make('span', step.came));
  card.append(asked, came, drawBar(step), make('div', step.when, 'small'));
  if (step.lines.length) {
    const list = make('ul');
    for (const line of step.lines) list.append(make('li', line, 'line'));
    card.append(list);
  }
  for (const line of step.elsewhere) card.append(make('div', line, 'elsewhere small'));
  if (step.page) {
    const box = make('details');
    box.append(make('summary', words.page_sent), make('pre', step.page));
    card.append(box);
  }
  return card;
};

export default function ({ data, parentElement }) {
  const box = parentElement.querySelector('.steps');
  // The page is drawn again by itself; what the reader has unfolded stays unfolded.
  const drawn = JSON.stringify(data);
  if (box.dataset.drawn === drawn) return;
  box.dataset.drawn = drawn;
  box.replaceChildren();
  for (const section of data.sections) {
    box.append(make('h3', section.name));
    for (const note of section.notes) box.append(make('p', note, 'note'));
    const list = make('ol');
    for (const step of section.steps) list.append(drawStep(step, data.words));
    box.append(list);
  }
}
