const make = (tag, words, kind) => {
  const node = document.createElement(tag);
  if (words) node.textContent = words;
  if (kind) node.className = kind;
  return node;
};
// A long name may break before its registered domain or after a slash.
const breakable = (node, name) => {
  for (const part of name.split(/(?=\.telegram\.)|(?<=\/)/)) node.append(part, make('wbr'));
};
const smallPrint = (node, lines) => { for (const line of lines) node.append(make('span', line, 'small')); };

const link = (words, address) => {
  const node = make('a', words);
  node.href = address;
  return node;
};

const drawEntry = (entry, data, pressed, onPress) => {
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
  const mark = make(entry.key ? 'button' : 'div', '', `${kind} ${inMatrix ? 'mark' : 'badge'}`);
  const sign = make('span', data.signs[entry.look], inMatrix ? 'sign' : '');
  sign.setAttribute('aria-hidden', 'true');
  mark.append(sign, inMatrix ? '' : ' ', make('span', entry.word));
  smallPrint(mark, entry.small);
  if (entry.full) { mark.title = entry.full; mark.setAttribute('aria-label', entry.full); }
  if (entry.key) {
    mark.type = 'button';
    mark.dataset.key = entry.key.join('\u0000');
    mark.setAttribute('aria-pressed', String(mark.dataset.key === pressed));
    mark.onclick = () => onPress(entry.key, mark);
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

const drawTable = (data, pressed, onPress) => {
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
        const cell = drawEntry(entry, data, pressed, onPress);
        if (data.heads[i + 1] && data.heads[i + 1].is_apart) cell.classList.add('apart');
        row.append(cell);
      });
      body.append(row);
      const isOpen = line.entries.some((e) => e.key && e.key.join('\u0000') === pressed);
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
  const focused = parentElement.activeElement?.dataset?.key;
  const onPress = (key, mark) => {
    for (const b of box.querySelectorAll('[aria-pressed=true]')) b.setAttribute('aria-pressed', 'false');
    mark.setAttribute('aria-pressed', 'true');
    setTriggerValue('pressed', key);
  };
  const pressed = data.detail ? data.detail.key.join('\u0000') : '';
  // The box stays, so that a refresh keeps how far it was scrolled.
  if (data.heads.length) box.replaceChildren(drawTable(data, pressed, onPress)); else box.hidden = true;
  if (focused) for (const b of box.querySelectorAll('button')) if (b.dataset.key === focused) b.focus();
  drawLegend(data.legend, data.signs, parentElement.querySelector('.legend'));
}
