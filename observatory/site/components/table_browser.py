"""What the browser gets to draw tables: empty markup, style, and a script that places words as text."""

from typing import Final

from observatory.figures.looks import LOOKS

HTML: Final = '<div class="box"></div><div class="legend"></div>'

_HATCH: Final = {
    "/": "repeating-linear-gradient(-45deg, {ink}44 0 1px, transparent 1px 6px)",
    "\\": "repeating-linear-gradient(45deg, {ink}55 0 1px, transparent 1px 7px)",
    "x": "repeating-linear-gradient(45deg, {ink}33 0 1px, transparent 1px 6px),"
    " repeating-linear-gradient(-45deg, {ink}33 0 1px, transparent 1px 6px)",
    ".": "radial-gradient({ink}66 1px, transparent 1.4px) 0 0 / 6px 6px",
    "-": "repeating-linear-gradient(0deg, {ink}55 0 1px, transparent 1px 6px)",
}


def _look_css() -> str:
    rules = []
    for shown, look in LOOKS.items():
        layers = [_HATCH[look.pattern].format(ink=look.ink)] if look.pattern else []
        background = ", ".join([*layers, f"linear-gradient({look.fill}, {look.fill})"])
        halo = ", ".join([f"0 0 3px {look.fill}"] * 4)
        rules.append(f".{shown} {{ background: {background}; color: {look.ink}; text-shadow: {halo}; }}")
    return "\n".join(rules)


CSS: Final = """
:host { display: block; }
.box { container-type: inline-size; overflow-x: auto; max-width: 100%; border-radius: 4px;
  border: 1px solid var(--st-border-color); }
table { border-collapse: separate; border-spacing: 0; width: 100%; color: var(--st-text-color);
  font-family: var(--st-font); font-size: 0.8rem; line-height: 1.25; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: 0.3rem 0.4rem; text-align: left; vertical-align: middle; font-weight: 400;
  border-bottom: 1px solid var(--st-border-color); }
thead th { vertical-align: bottom; font-weight: 600; background: var(--st-secondary-background-color); }
th:first-child { position: sticky; left: 0; z-index: 1; background: var(--st-background-color);
  border-right: 1px solid var(--st-border-color); min-width: 7rem; max-width: 13rem;
  overflow-wrap: break-word; }
thead th:first-child { background: var(--st-secondary-background-color); z-index: 2; }
th.section { font-weight: 650; background: var(--st-secondary-background-color); border-right: 0; }
td.fill { background: var(--st-secondary-background-color); }
.small { display: block; font-size: 0.92em; font-weight: 400; opacity: 0.78; }
.apart { border-left: 3px double var(--st-text-color); }
.matrix td { padding: 1px; text-align: center; min-width: 3.6rem; height: 1px; }
.matrix thead th:not(:first-child) { text-align: center; min-width: 3.6rem; max-width: 6rem;
  font-size: 0.72rem; overflow-wrap: break-word; padding: 0.3rem 0.15rem; }
button, .mark { display: block; box-sizing: border-box; width: 100%; height: 100%; min-height: 2.6rem;
  border: 0; border-radius: 3px; padding: 0.15rem 0; font: inherit;
  font-size: 0.68rem; line-height: 1.1; text-align: center; }
button { cursor: pointer; }
button:hover { outline: 2px solid var(--st-text-color); outline-offset: -2px; }
button:focus-visible, button[aria-pressed=true] { outline: 3px solid var(--st-text-color);
  outline-offset: -3px; }
.detail { position: sticky; left: 0; box-sizing: border-box; width: min(100cqw, 46rem);
  padding: 0.5rem 0.7rem; text-align: left; border-left: 3px solid var(--st-text-color);
  overflow-wrap: anywhere; }
a { color: inherit; text-decoration: underline; }
.detail ul { margin: 0.3rem 0 0; padding-left: 1.1rem; }
.sign { display: block; font-size: 0.95rem; font-weight: 700; line-height: 1.1; }
.stale { font-style: italic; }
.badge { display: inline-block; border-radius: 3px; padding: 0.1rem 0.4rem; }
.wrap { min-width: 9rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 0.5rem 1.2rem;
  margin: 0; font-family: var(--st-font); font-size: 0.8rem; line-height: 1.35; color: var(--st-text-color); }
dl > div { display: grid; grid-template: auto 1fr / 2.2rem 1fr; column-gap: 0.5rem; align-content: start; }
dl .mark { grid-row: span 2; min-height: 2.2rem; height: 2.2rem; padding-top: 0.4rem; }
dt { font-weight: 650; } dd { margin: 0; }
""" + _look_css()

JS: Final = """
const make = (tag, words, kind) => {
  const node = document.createElement(tag);
  if (words) node.textContent = words;
  if (kind) node.className = kind;
  return node;
};
// A long name may break before its registered domain or after a slash.
const breakable = (node, name) => {
  for (const part of name.split(/(?=\\.telegram\\.)|(?<=\\/)/)) node.append(part, make('wbr'));
};
const smallPrint = (node, lines) => { for (const line of lines) node.append(make('span', line, 'small')); };

const link = (words, address) => {
  const node = make('a', words);
  node.href = address;
  return node;
};

const drawEntry = (entry, data, picked, onPick) => {
  const cell = make('td');
  if (!entry.look) {
    cell.className = 'wrap';
    cell.append(entry.href ? link(entry.word, entry.href) : make('span', entry.word));
    for (const more of entry.links) {
      const line = make('div');
      line.append(link(...more));
      cell.append(line);
    }
    smallPrint(cell, entry.small);
    return cell;
  }
  const kind = entry.look + (entry.is_stale ? ' stale' : '');
  const inMatrix = data.kind === 'matrix';
  const mark = make(entry.pick ? 'button' : 'div', '', `${kind} ${inMatrix ? 'mark' : 'badge'}`);
  const sign = make('span', data.signs[entry.look], inMatrix ? 'sign' : '');
  sign.setAttribute('aria-hidden', 'true');
  mark.append(sign, inMatrix ? '' : ' ', make('span', entry.word));
  smallPrint(mark, entry.small);
  if (entry.full) { mark.title = entry.full; mark.setAttribute('aria-label', entry.full); }
  if (entry.pick) {
    mark.type = 'button';
    mark.dataset.pick = entry.pick.join('\\u0000');
    mark.setAttribute('aria-pressed', String(mark.dataset.pick === picked));
    mark.onclick = () => onPick(entry.pick, mark);
  }
  cell.append(mark);
  return cell;
};

const drawDetail = (detail, nColumns) => {
  const row = make('tr');
  const cell = make('td');
  cell.colSpan = nColumns;
  const panel = make('div', '', 'detail');
  panel.setAttribute('role', 'status');
  panel.append(make('strong', detail.heading));
  const list = make('ul');
  for (const [name, value] of detail.facts) {
    const item = make('li', `${name}: `);
    item.append(make('span', value, 'value'));
    list.append(item);
  }
  for (const note of detail.notes) list.append(make('li', note));
  panel.append(list);
  if (detail.link) panel.append(link(...detail.link));
  cell.append(panel);
  row.append(cell);
  return row;
};

const drawTable = (data, picked, onPick) => {
  const table = make('table', '', data.kind);
  table.append(make('caption', data.caption));
  const head = make('tr');
  for (const column of data.heads) {
    const th = make('th', '', column.is_apart ? 'apart' : '');
    breakable(th, column.name);
    th.scope = 'col';
    smallPrint(th, column.small);
    head.append(th);
  }
  const thead = make('thead');
  thead.append(head);
  table.append(thead);
  for (const section of data.sections) {
    const body = make('tbody');
    if (section.name) {
      const row = make('tr');
      const th = make('th', section.name, 'section');
      th.scope = 'rowgroup';
      const fill = make('td', '', 'fill');
      fill.colSpan = data.heads.length - 1;
      row.append(th, fill);
      body.append(row);
    }
    for (const line of section.lines) {
      const row = make('tr');
      const th = make('th', '');
      th.scope = 'row';
      breakable(th, line.name);
      smallPrint(th, line.small);
      row.append(th);
      line.entries.forEach((entry, i) => {
        const cell = drawEntry(entry, data, picked, onPick);
        if (data.heads[i + 1] && data.heads[i + 1].is_apart) cell.classList.add('apart');
        row.append(cell);
      });
      body.append(row);
      const isOpen = line.entries.some((e) => e.pick && e.pick.join('\\u0000') === picked);
      if (isOpen) body.append(drawDetail(data.detail, data.heads.length));
    }
    table.append(body);
  }
  return table;
};

const drawLegend = (legend, signs, box) => {
  box.replaceChildren();
  if (!legend.length) return;
  const list = make('dl');
  for (const entry of legend) {
    const item = make('div');
    const mark = make('span', signs[entry.look] || '◐', (entry.look || 'none') + ' mark');
    mark.setAttribute('aria-hidden', 'true');
    item.append(mark, make('dt', entry.name), make('dd', entry.sentence));
    list.append(item);
  }
  box.append(list);
};

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector('.box');
  const focused = parentElement.activeElement?.dataset?.pick;
  const onPick = (pick, mark) => {
    for (const b of box.querySelectorAll('[aria-pressed=true]')) b.setAttribute('aria-pressed', 'false');
    mark.setAttribute('aria-pressed', 'true');
    setTriggerValue('picked', pick);
  };
  const picked = data.detail ? data.detail.pick.join('\\u0000') : '';
  // The box stays, so that a refresh keeps how far it was scrolled.
  if (data.heads.length) box.replaceChildren(drawTable(data, picked, onPick)); else box.hidden = true;
  if (focused) for (const b of box.querySelectorAll('button')) if (b.dataset.pick === focused) b.focus();
  drawLegend(data.legend, data.signs, parentElement.querySelector('.legend'));
}
"""
