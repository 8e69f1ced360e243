"""The steps of a measurement drawn as cards. Every word reaches the browser as data and is placed with
`textContent`: what a block page sent can never become markup, a link or an image.
"""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from observatory.text import Text
from observatory.views.steps import Elsewhere, Section, Step

_HTML: Final = '<div class="steps"></div>'

_CSS: Final = """
:host { display: block; }
.steps { font-family: var(--st-font); color: var(--st-text-color); font-size: 0.9rem; line-height: 1.4; }
h3 { font-size: 1.05rem; margin: 1.1rem 0 0.3rem; }
.note { font-weight: 600; margin: 0.2rem 0 0.4rem; overflow-wrap: anywhere; }
ol { list-style: none; margin: 0; padding: 0; }
.step { border: 1px solid var(--st-border-color); border-radius: 4px; margin: 0 0 0.5rem;
  padding: 0.5rem 0.7rem; overflow-wrap: anywhere; }
.step.evidence { border-left: 5px solid var(--st-text-color); }
.came { font-weight: 600; }
.sign { font-weight: 700; padding-right: 0.4rem; }
.badge { border: 1px solid currentColor; border-radius: 3px; padding: 0 0.3rem; margin-left: 0.4rem;
  font-size: 0.85em; font-weight: 600; white-space: nowrap; }
.small, li.line { font-size: 0.92em; opacity: 0.85; }
ul { margin: 0.2rem 0 0; padding-left: 1.1rem; }
.rail { height: 4px; border-radius: 2px; background: var(--st-secondary-background-color); margin: 0.3rem 0; }
.bar { height: 4px; min-width: 3px; max-width: 100%; border-radius: 2px; background: var(--st-text-color); }
.elsewhere { margin-top: 0.3rem; padding-left: 0.6rem; border-left: 2px solid var(--st-border-color); }
details { margin-top: 0.3rem; }
summary { cursor: pointer; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 22rem; overflow-y: auto; margin: 0.3rem 0 0;
  padding: 0.5rem; font-size: 0.8rem; background: var(--st-secondary-background-color); }
"""

_JS: Final = """
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
"""

_STEPS: Final = st.components.v2.component("observatory_steps", html=_HTML, css=_CSS, js=_JS)


def show_steps(*, key: str, sections: Sequence[Section], text: Text) -> None:
    """Draw the steps, group by group."""
    words = {"evidence": text("measured.evidence"), "page_sent": text("measured.page_sent")}
    drawn = [
        {
            "name": text(f"step_group.{section.group}"),
            "notes": list(section.notes),
            "steps": [_draw(step, text) for step in section.steps],
        }
        for section in sections
    ]
    _STEPS(key=key, data={"sections": drawn, "words": words})


def _draw(step: Step, text: Text) -> dict[str, Any]:
    return {
        "asked": step.words.asked,
        "came": step.words.came,
        "is_good": step.words.is_good,
        "lines": list(step.words.lines),
        "page": step.words.page,
        "when": step.when,
        "left": step.left,
        "width": step.width,
        "is_evidence": step.is_evidence,
        "elsewhere": [_elsewhere(one, text) for one in step.elsewhere],
    }


def _elsewhere(one: Elsewhere, text: Text) -> str:
    if one.place:
        return text("measured.elsewhere_at", name=one.name, place=one.place, came=one.words.came)
    return text("measured.elsewhere", name=one.name, came=one.words.came)
