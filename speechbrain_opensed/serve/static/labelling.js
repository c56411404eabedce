// What was found, where the thresholds stand, and what a listener put right.

import { correct } from "/static/api.js";
import { applyCorrections, decides, findEvents, Scores } from "/static/events.js";

const SAVE_AFTER = 300; // ms

const same = (a, b) => Boolean(a && b)
  && (a === b || (a.phrase === b.phrase && a.onset === b.onset && a.offset === b.offset));

/** One detection on this page; sends a `change` for each that is to be seen. */
export class Labelling extends EventTarget {
  constructor(begun, corrections = []) {
    super();
    this.id = begun.id;
    this.phrases = begun.phrases;
    this.scores = new Scores(begun.phrases, begun.hop_seconds, begun.seconds);
    this.thresholds = begun.phrases.map((phrase) => begun.thresholds[phrase]);
    this.corrections = corrections.filter((one) => begun.phrases.includes(one.phrase));
    this.shortest = 0;
    this.gap = 0;
    this.selected = null;
    this.whole = false;
    this.number = 0;
  }

  threshold(column) {
    return this.thresholds[column];
  }

  setThreshold(column, value) {
    this.thresholds[column] = value;
    this.#changed(column);
  }

  setThresholds(value) {
    this.thresholds.fill(value);
    this.#changed();
  }

  setSpans(shortest, gap) {
    Object.assign(this, { shortest, gap });
    this.#changed();
  }

  /** Events of a phrase as they are shown, those rejected among them. */
  events(column) {
    const phrase = this.phrases[column];
    const found = findEvents(
      this.scores, column, this.thresholds[column], this.shortest, this.gap,
    );
    const own = this.corrections.filter((one) => one.phrase === phrase);
    return applyCorrections(found, own);
  }

  isSelected(one) {
    return same(this.selected, one);
  }

  select(one) {
    if (this.selected === one) return;
    this.selected = one;
    this.dispatchEvent(new Event("select"));
  }

  hear(one) {
    this.select(one);
    this.dispatchEvent(new CustomEvent("hear", { detail: one }));
  }

  accept(one) {
    if (one.kind === "found" || one.kind === "rejected") this.#set(one, "accepted");
  }

  reject(one) {
    if (one.kind === "added") this.#forget(one);
    else if (one.kind === "moved") {
      const [onset, offset] = one.was;
      this.#set(one, "rejected", onset, offset);
    } else this.#set(one, "rejected");
  }

  undo(one) {
    if (one.kind !== "found") this.#forget(one);
  }

  move(one, onset, offset) {
    const last = this.scores.seconds;
    const begin = Math.max(0, Math.min(onset, last));
    const end = Math.max(0, Math.min(offset, last));
    if (!(end - begin > 1e-3)) return;
    if (one.kind === "added") this.#set(one, "added", begin, end);
    else this.#set(one, "moved", begin, end, one.was ?? [one.onset, one.offset]);
  }

  add(column, onset, offset) {
    if (!this.whole || !(offset > onset)) return;
    this.#set({ phrase: this.phrases[column], kind: "new" }, "added", onset, offset);
  }

  #set(one, kind, onset = one.onset, offset = one.offset, was = null) {
    const column = this.phrases.indexOf(one.phrase);
    const score = this.scores.peak(column, onset, offset);
    const id = one.id ?? `c${(this.number += 1)}`;
    const correction = { id, kind, phrase: one.phrase, onset, offset, was, score };
    this.corrections = this.corrections.filter((other) => other.id !== id);
    this.corrections.push(correction);
    this.selected = correction;
    this.#changed(column);
    this.dispatchEvent(new Event("select"));
  }

  #forget(one) {
    this.corrections = this.corrections.filter((other) => other.id !== one.id);
    const column = this.phrases.indexOf(one.phrase);
    // What stood there before is what the user goes on with.
    this.selected = this.events(column).find((event) => decides(one, event)) ?? null;
    this.#changed(column);
    this.dispatchEvent(new Event("select"));
  }

  #changed(column = null) {
    this.dispatchEvent(new CustomEvent("change", { detail: column }));
    if (!this.whole) return;
    this.unsaved = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save().catch((error) => {
      this.dispatchEvent(new CustomEvent("unsaved", { detail: error }));
    }), SAVE_AFTER);
  }

  /** Tells the server, one time after another. */
  save() {
    clearTimeout(this.timer);
    if (!this.unsaved) return this.saving ?? Promise.resolve();
    this.unsaved = false;
    const body = {
      thresholds: Object.fromEntries(this.phrases.map((p, i) => [p, this.thresholds[i]])),
      min_duration: this.shortest,
      merge_gap: this.gap,
      corrections: this.corrections.map(({ kind, phrase, onset, offset, was }) => (
        { kind, phrase, onset, offset, was })),
    };
    const before = this.saving ?? Promise.resolve();
    this.saving = before.catch(() => {}).then(() => correct(this.id, body));
    this.saving.catch(() => { this.unsaved = true; });
    return this.saving;
  }
}
