// From scores to events, as the server does it (inference/event_builder.py,
// serve/labels.py), so that lanes follow a slider at once.

const round6 = (x) => Math.round(x * 1e6) / 1e6;
const EDGE = 1e-9;

/** Scores of all phrases, which grow while they come. */
export class Scores {
  constructor(phrases, hop, seconds) {
    this.phrases = phrases;
    this.hop = hop;
    this.seconds = seconds;
    this.frames = 0;
    const room = Math.ceil(seconds / hop) + 2;
    this.columns = phrases.map(() => new Float32Array(room));
  }

  /** Takes base64 of float32, little-endian, [frames, phrases]. */
  push(first, frames, data) {
    const text = atob(data);
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const width = this.phrases.length;
    for (let row = 0; row < frames; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const at = 4 * (row * width + column);
        this.columns[column][first + row] = view.getFloat32(at, true);
      }
    }
    this.frames = first + frames;
  }

  /** The highest score of a phrase in a span of time. */
  peak(column, onset, offset) {
    const first = Math.floor(onset / this.hop);
    const end = Math.max(first + 1, Math.ceil(offset / this.hop));
    let highest = 0;
    for (let at = first; at < Math.min(end, this.frames); at += 1) {
      highest = Math.max(highest, this.columns[column][at]);
    }
    return highest;
  }
}

/** A time that is not behind the end. */
function endWithin(seconds, duration) {
  const end = round6(Math.min(seconds, duration));
  return end <= duration ? end : Math.floor(duration * 1e6) / 1e6;
}

/** Events of one phrase: runs of frames above the threshold, joined, sifted. */
export function findEvents(scores, column, threshold, shortest = 0, gap = 0) {
  const values = scores.columns[column];
  const limit = Math.fround(threshold);
  const phrase = scores.phrases[column];
  const events = [];
  let first = -1;
  let highest = 0;
  const close = (last) => {
    const onset = round6(first * scores.hop);
    const offset = endWithin(last * scores.hop, scores.seconds);
    const before = events.at(-1);
    if (before && onset - before.offset <= gap + EDGE) {
      before.offset = Math.max(before.offset, offset);
      before.score = Math.max(before.score, highest);
    } else {
      events.push({ phrase, onset, offset, score: highest, kind: "found" });
    }
    first = -1;
  };
  for (let at = 0; at < scores.frames; at += 1) {
    if (values[at] > limit) {
      if (first < 0) {
        first = at;
        highest = 0;
      }
      highest = Math.max(highest, values[at]);
    } else if (first >= 0) {
      close(at);
    }
  }
  if (first >= 0) close(scores.frames);
  return events.filter((one) => one.offset - one.onset >= shortest - EDGE);
}

const overlap = (a, b) => a[0] < b[1] && b[0] < a[1];

/** Whether a correction decides about an event. */
export function decides(correction, event) {
  if (correction.phrase !== event.phrase) return false;
  const span = [event.onset, event.offset];
  return overlap([correction.onset, correction.offset], span)
    || (correction.was != null && overlap(correction.was, span));
}

/** What is shown: events, but for those that a correction decides about. */
export function applyCorrections(events, corrections) {
  const left = events.filter((e) => !corrections.some((c) => decides(c, e)));
  return [...left, ...corrections].sort(
    (a, b) => a.onset - b.onset || a.offset - b.offset,
  );
}
