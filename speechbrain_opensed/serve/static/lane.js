// One phrase: its curve, its threshold and its events.

import { clock, color, fresh } from "/static/timeview.js";

const MARKS = { found: "", accepted: "✓", rejected: "✕", moved: "↔", added: "+" };
const EDGE_PIXELS = 8;
const DRAG_PIXELS = 4;
// More in one lane could not be told apart.
const MOST_EVENTS = 400;

const cents = (seconds) => Math.round(100 * seconds) / 100;

function element(kind, name, text = "") {
  const made = document.createElement(kind);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

export class Lane {
  /** `owner` gives events and scores, and is told what a user does. */
  constructor(owner, view, column, phrase) {
    Object.assign(this, { owner, view, column, phrase });
    this.buttons = new Map();
    this.root = element("div", "lane");
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", phrase);
    const about = element("div", "lane-about");
    about.append(element("span", "lane-name", phrase));
    this.slider = element("input");
    Object.assign(this.slider, { type: "range", min: 0.01, max: 0.99, step: 0.01 });
    this.slider.setAttribute("aria-label", `Threshold of ${phrase}`);
    this.slider.addEventListener("input", () => {
      owner.setThreshold(column, Number(this.slider.value));
    });
    this.value = element("output");
    this.count = element("output", "count");
    const add = element("button", "add", "+");
    add.type = "button";
    add.title = "Add an event at the cursor";
    add.setAttribute("aria-label", `Add ${phrase} at the cursor`);
    add.addEventListener("click", () => {
      const onset = Math.min(view.time, Math.max(0, view.seconds - 0.5));
      owner.add(column, cents(onset), Math.min(view.seconds, cents(onset + 1)));
    });
    about.append(add, this.slider, this.value, this.count);
    this.track = element("div", "track");
    this.canvas = element("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    this.cursor = element("div", "cursor");
    this.track.append(this.canvas, this.cursor);
    this.track.addEventListener("pointerdown", (event) => this.#press(event));
    this.root.append(about, this.track);
  }

  /** Draws all anew. */
  draw() {
    const threshold = this.owner.threshold(this.column);
    this.slider.value = threshold;
    this.value.textContent = threshold.toFixed(2);
    this.#drawCurve(threshold);
    this.#placeEvents();
    this.moveCursor();
  }

  moveCursor() {
    const share = this.view.share(this.view.time);
    this.cursor.hidden = share < 0 || share > 1;
    this.cursor.style.left = `${100 * share}%`;
  }

  #drawCurve(threshold) {
    const { brush, width, height } = fresh(this.canvas);
    const { scores } = this.owner;
    const values = scores.columns[this.column];
    const y = (score) => height - 1 - score * (height - 2);
    brush.beginPath();
    brush.moveTo(0, height);
    let last = 0;
    for (let x = 0; x < width; x += 1) {
      const first = Math.floor(this.view.timeAt(x / width) / scores.hop);
      const end = Math.ceil(this.view.timeAt((x + 1) / width) / scores.hop);
      if (first >= scores.frames) break;
      let highest = 0;
      for (let at = first; at < Math.min(Math.max(end, first + 1), scores.frames); at += 1) {
        if (values[at] > highest) highest = values[at];
      }
      brush.lineTo(x, y(highest));
      last = x;
    }
    brush.strokeStyle = color("curve");
    brush.lineWidth = 1.3;
    brush.stroke();
    brush.lineTo(last, height);
    brush.closePath();
    brush.fillStyle = color("curve-fill");
    brush.fill();
    brush.strokeStyle = color("threshold");
    brush.setLineDash([4, 4]);
    brush.lineWidth = 1;
    brush.beginPath();
    brush.moveTo(0, y(threshold));
    brush.lineTo(width, y(threshold));
    brush.stroke();
    brush.setLineDash([]);
  }

  #placeEvents() {
    const events = this.owner.events(this.column);
    const kept = events.filter((one) => one.kind !== "rejected");
    const total = kept.reduce((sum, one) => sum + one.offset - one.onset, 0);
    this.count.textContent = kept.length
      ? `${kept.length}, ${total.toFixed(1)} s` : "none";
    const seen = events
      .filter((one) => one.offset > this.view.start && one.onset < this.view.end)
      .slice(0, MOST_EVENTS);
    const had = this.track.contains(document.activeElement);
    const buttons = new Map();
    for (const one of seen) {
      const key = one.id ?? `${one.onset} ${one.offset}`;
      const button = this.buttons.get(key) ?? this.#button();
      this.buttons.delete(key);
      buttons.set(key, button);
      button.shown = one;
      button.className = `event ${one.kind}`;
      button.classList.toggle("selected", this.owner.isSelected(one));
      button.firstChild.textContent = MARKS[one.kind];
      button.setAttribute("aria-label", `${one.phrase}, ${clock(one.onset)} to `
        + `${clock(one.offset)}, score ${one.score.toFixed(2)}, ${one.kind}`);
      this.#place(button, one.onset, one.offset);
      if (!button.isConnected) this.track.append(button);
    }
    for (const gone of this.buttons.values()) gone.remove();
    this.buttons = buttons;
    if (had && !this.track.contains(document.activeElement)) {
      this.track.querySelector(".selected")?.focus({ preventScroll: true });
    }
  }

  #place(button, onset, offset) {
    const left = this.view.share(onset);
    button.style.left = `${100 * left}%`;
    button.style.width = `${100 * (this.view.share(offset) - left)}%`;
  }

  #button() {
    const button = element("button", "event");
    button.type = "button";
    button.append(element("span"));
    button.addEventListener("click", () => {
      if (button.dragged) button.dragged = false;
      else this.owner.hear(button.shown);
    });
    button.addEventListener("focus", () => this.owner.select(button.shown));
    button.addEventListener("keydown", (event) => this.#key(event, button.shown));
    return button;
  }

  #key(event, one) {
    const act = { a: "accept", r: "reject", u: "undo", Delete: "reject" }[event.key];
    if (act && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.owner[act](one);
      return;
    }
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const by = way * this.owner.scores.hop;
    const onset = one.onset + (event.shiftKey ? 0 : by);
    const offset = one.offset + (event.altKey ? 0 : by);
    this.owner.move(one, onset, offset);
  }

  #press(event) {
    if (event.button !== 0) return;
    const box = this.track.getBoundingClientRect();
    const timeOf = (x) => this.view.timeAt((x - box.left) / box.width);
    const button = event.target.closest(".event");
    if (button) button.dragged = false;
    const from = event.clientX;
    const begin = timeOf(from);
    let held = button;
    let span = null;
    let grip = "new";
    if (button) {
      const own = button.getBoundingClientRect();
      const edge = Math.min(EDGE_PIXELS, 0.3 * own.width);
      grip = "all";
      if (from - own.left < edge) grip = "onset";
      else if (own.right - from < edge) grip = "offset";
    }
    const drag = (moved) => {
      if (!span && Math.abs(moved.clientX - from) < DRAG_PIXELS) return;
      const now = timeOf(moved.clientX);
      if (grip === "new") {
        if (!held) {
          held = element("div", "event added ghost");
          this.track.append(held);
        }
        span = [Math.min(begin, now), Math.max(begin, now)];
      } else {
        const { onset, offset } = button.shown;
        const by = now - begin;
        const last = this.view.seconds - offset;
        const within = Math.max(-onset, Math.min(last, by));
        if (grip === "onset") span = [Math.min(onset + by, offset - 0.01), offset];
        else if (grip === "offset") span = [onset, Math.max(offset + by, onset + 0.01)];
        else span = [onset + within, offset + within];
      }
      span = [Math.max(0, cents(span[0])), Math.min(this.view.seconds, cents(span[1]))];
      this.#place(held, ...span);
    };
    const end = (over) => {
      for (const [name, listener] of listeners) window.removeEventListener(name, listener);
      if (grip === "new") held?.remove();
      if (over.type === "pointercancel") {
        if (button) this.#place(button, button.shown.onset, button.shown.offset);
      } else if (!span) {
        if (!button) this.view.seek(begin);
      } else if (span[1] > span[0]) {
        if (button) {
          button.dragged = true;
          this.owner.move(button.shown, ...span);
        } else {
          this.owner.add(this.column, ...span);
        }
      }
    };
    const listeners = [["pointermove", drag], ["pointerup", end], ["pointercancel", end]];
    for (const [name, listener] of listeners) window.addEventListener(name, listener);
  }
}
