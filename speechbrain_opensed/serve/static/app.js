// The page: one recording, one search, its labels.

import * as api from "/static/api.js";
import { Labelling } from "/static/labelling.js";
import { Lane } from "/static/lane.js";
import { canRecord, record } from "/static/recorder.js";
import { clock, TimeView } from "/static/timeview.js";

const get = (id) => document.getElementById(id);
const MOST_LANES = 40;
const KEPT = "opensed-phrases";

export const view = new TimeView(document.querySelector("meta[name=csp-nonce]").content);
export const state = {
  card: null, recording: null, labelling: null, lanes: [], model: "0",
  task: null, stopRecording: null,
};

// Words to the user.

function say(text) {
  get("status").textContent = text;
}

function complain(error) {
  if (error?.name === "AbortError") return;
  get("problem").textContent = error ? error.message : "";
  get("problem").hidden = !error;
  if (error) say("");
}

function show() {
  const { recording, labelling, task } = state;
  get("detect").disabled = !recording || Boolean(task);
  get("stop").hidden = !task;
  get("progress").hidden = !task;
  get("timeline").hidden = !recording;
  get("all-lanes").hidden = !labelling;
  get("results").hidden = !labelling?.whole;
  get("play").textContent = view.playing ? "Pause" : "Play";
  const right = labelling?.corrections.filter((one) => one.kind !== "rejected") ?? [];
  const phrases = new Set(right.map((one) => one.phrase));
  get("learn").disabled = !right.length || Boolean(task);
  get("learn-about").textContent = right.length
    ? `${right.length} examples of ${[...phrases].join(", ")}`
    : "accept, move or add events first";
  if (labelling) get("download").href = api.labelsURL(labelling.id, get("format").value);
}

/** One thing at a time, which can be stopped. */
async function run(what) {
  const control = new AbortController();
  state.task = control;
  complain(null);
  get("progress").removeAttribute("value");
  show();
  try {
    await what(control.signal);
  } catch (error) {
    if (error.name === "AbortError") say("Stopped.");
    complain(error);
  } finally {
    // What was not heard to its end is gone on the server, too.
    if (state.labelling && !state.labelling.whole) forgetLabels();
    state.task = null;
    show();
  }
}

// Recordings.

async function open(file, name) {
  state.task?.abort();
  state.uploading?.abort();
  const most = state.card?.limits.max_upload ?? Infinity;
  if (file.size > most) {
    complain(new Error(`${name} has ${Math.ceil(file.size / 2 ** 20)} MB, at most `
      + `${Math.floor(most / 2 ** 20)} MB are taken`));
    return;
  }
  complain(null);
  const control = new AbortController();
  state.uploading = control;
  get("upload").hidden = false;
  say(`Sending ${name}`);
  try {
    const recording = await api.upload(file, name, (share) => {
      get("upload-bar").value = share;
      if (share === 1) say(`Looking at ${name}`);
    }, control.signal);
    if (state.recording) api.removeRecording(state.recording.id).catch(() => {});
    forget();
    state.recording = recording;
    get("chosen").textContent = `${recording.name}: ${clock(recording.seconds)}, `
      + `${recording.sample_rate} Hz, ${recording.channels === 1 ? "mono" : `${recording.channels} channels`}`;
    say(get("phrases").value.trim() ? "Ready." : "Ready: say what to listen for.");
    show();
    await view.open(recording);
  } catch (error) {
    if (error.name === "AbortError") say("Stopped.");
    complain(error);
  } finally {
    if (state.uploading === control) {
      state.uploading = null;
      get("upload").hidden = true;
    }
    show();
  }
}

function forget() {
  view.close();
  state.recording = null;
  forgetLabels();
}

function forgetLabels() {
  state.labelling = null;
  state.lanes = [];
  get("lanes").replaceChildren();
  get("hidden-lanes").hidden = true;
  get("inspector").hidden = true;
}

async function toggleRecording() {
  const button = get("record");
  if (state.stopRecording) {
    const stop = state.stopRecording;
    state.stopRecording = null;
    button.textContent = "Record";
    button.setAttribute("aria-pressed", "false");
    await open(await stop(), "recording.wav");
    return;
  }
  complain(null);
  button.disabled = true;
  try {
    state.stopRecording = await record((seconds) => {
      if (state.stopRecording) button.textContent = `Stop at ${clock(seconds)}`;
    });
    button.setAttribute("aria-pressed", "true");
    say("Recording");
  } catch (error) {
    complain(new Error(`the microphone cannot be used: ${error.message}`));
  } finally {
    button.disabled = false;
  }
}

// The search.

function phrases() {
  const lines = get("phrases").value.split("\n").map((one) => one.trim());
  return [...new Set(lines.filter(Boolean))];
}

async function search(signal) {
  const asked = phrases();
  if (!asked.length) {
    get("phrases").focus();
    throw new Error("say what to listen for, one sound a line");
  }
  const corrections = state.labelling?.corrections ?? [];
  const query = {
    phrases: asked,
    median_seconds: Number(get("median").value),
    channel: get("channel").value,
    model: state.model,
  };
  let heard = 0;
  for await (const line of api.detect(state.recording.id, query, signal)) {
    if (line.type === "begun") begin(line, corrections);
    else if (line.type === "scores") {
      state.labelling.scores.push(line.first, line.frames, line.data);
      redraw();
    } else if (line.type === "event") heard += 1;
    else if (line.type === "progress") {
      const { seconds } = state.recording;
      get("progress").value = line.seconds / seconds;
      say(line.ahead ? `Waiting, ${line.ahead} before`
        : `Listening: ${clock(line.seconds)} of ${clock(seconds)}, ${heard} events so far`);
    } else if (line.type === "done") finish();
  }
}

function begin(line, corrections) {
  const labelling = new Labelling(line, corrections);
  const lost = corrections.length - labelling.corrections.length;
  labelling.number = corrections.length;
  labelling.shortest = Number(get("shortest").value) || 0;
  labelling.gap = Number(get("gap").value) || 0;
  labelling.addEventListener("change", ({ detail }) => {
    if (detail === null) redraw();
    else laneOf(detail)?.draw();
    summarize();
    show();
  });
  labelling.addEventListener("select", inspect);
  labelling.addEventListener("hear", ({ detail }) => view.hear(detail.onset, detail.offset));
  labelling.addEventListener("unsaved", ({ detail }) => complain(detail));
  state.labelling = labelling;
  state.lost = lost;
  get("inspector").hidden = true;
  get("filter").value = "";
  layOut();
  show();
}

function finish() {
  state.labelling.whole = true;
  layOut();
  summarize();
  // Thresholds and corrections of an earlier search hold for this one.
  if (state.labelling.corrections.length || state.labelling.shortest || state.labelling.gap) {
    state.labelling.unsaved = true;
    state.labelling.save().catch(complain);
  }
}

function summarize() {
  const { labelling } = state;
  if (!labelling?.whole) return;
  const all = labelling.phrases.flatMap((_, column) => labelling.events(column));
  const count = all.filter((one) => one.kind !== "rejected").length;
  const words = [`${count} ${count === 1 ? "event" : "events"}`];
  if (state.lost) words.push(`${state.lost} corrections of other phrases were dropped`);
  say(`${words.join("; ")}.`);
}

// Lanes.

const laneOf = (column) => state.lanes.find((lane) => lane.column === column);

/** Which phrases have a lane: all, or those that were heard or are sought. */
function layOut() {
  const { labelling } = state;
  let columns = labelling.phrases.map((_, column) => column);
  const many = columns.length > MOST_LANES;
  get("filter-label").hidden = !many;
  if (many) {
    const part = get("filter").value.trim().toLowerCase();
    const peak = (column) => labelling.scores.peak(column, 0, labelling.scores.seconds);
    columns = part
      ? columns.filter((column) => labelling.phrases[column].toLowerCase().includes(part))
      : columns.map((column) => [column, peak(column)])
        .sort((a, b) => b[1] - a[1]).map(([column]) => column);
    columns = columns.slice(0, MOST_LANES);
  }
  get("hidden-lanes").hidden = !many;
  get("hidden-lanes").textContent = `${columns.length} of ${labelling.phrases.length} `
    + "phrases are shown, those with the highest scores first; “Show” finds others. "
    + "Downloads hold all.";
  state.lanes = columns.map(
    (column) => laneOf(column)?.owner === labelling ? laneOf(column)
      : new Lane(labelling, view, column, labelling.phrases[column]),
  );
  get("lanes").replaceChildren(...state.lanes.map((lane) => lane.root));
  redraw();
}

let drawing = null;
function redraw() {
  drawing ??= requestAnimationFrame(() => {
    drawing = null;
    for (const lane of state.lanes) lane.draw();
  });
}

// One event.

function inspect() {
  const { labelling } = state;
  const one = labelling?.selected;
  get("inspector").hidden = !one;
  for (const lane of state.lanes) {
    for (const button of lane.buttons.values()) {
      button.classList.toggle("selected", labelling.isSelected(button.shown));
    }
  }
  if (!one) return;
  get("inspector-title").textContent = one.phrase;
  get("onset").value = one.onset.toFixed(2);
  get("offset").value = one.offset.toFixed(2);
  get("onset").max = state.recording.seconds;
  get("offset").max = state.recording.seconds;
  get("about-event").textContent = `score ${one.score.toFixed(2)}, ${one.kind}`;
  get("accept").disabled = !["found", "rejected"].includes(one.kind);
  get("reject").disabled = one.kind === "rejected";
  get("undo").disabled = one.kind === "found";
  get("undo").firstChild.textContent = one.kind === "added" ? "Remove " : "As found ";
}

function typeSpan() {
  const { selected } = state.labelling;
  const [onset, offset] = [Number(get("onset").value), Number(get("offset").value)];
  if (selected && offset > onset && onset >= 0) {
    state.labelling.move(selected, onset, offset);
  } else inspect();
}

// Learning.

async function teach(signal) {
  await state.labelling.save();
  say("Learning; this may take a minute");
  for await (const line of api.learn(state.labelling.id, signal)) {
    if (line.type === "done") {
      state.model = line.model;
      const learned = Object.entries(line.learned).map(([phrase, used]) => {
        const given = line.given[phrase];
        return `${phrase} from ${used}${used < given ? ` of ${given}` : ""}`;
      });
      get("learned").textContent = `Learned: ${learned.join(", ")}${line.saved ? "; saved" : ""}.`;
    }
  }
  await search(signal);
}

// What the user does.

get("file").addEventListener("change", ({ target }) => {
  if (target.files[0]) open(target.files[0], target.files[0].name);
  target.value = "";
});
for (const name of ["dragover", "drop", "dragleave"]) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    get("drop").classList.toggle("over", name === "dragover");
    const file = name === "drop" && event.dataTransfer.files[0];
    if (file) open(file, file.name);
  });
}
get("record").addEventListener("click", toggleRecording);
get("upload-stop").addEventListener("click", () => state.uploading?.abort());
get("detect").addEventListener("click", () => run(search));
get("stop").addEventListener("click", () => state.task?.abort());
get("play").addEventListener("click", () => view.toggle());
get("learn").addEventListener("click", () => run(teach));
get("phrases").addEventListener("input", () => {
  fitPhrases();
  try {
    localStorage.setItem(KEPT, get("phrases").value);
  } catch { /* a private window keeps nothing */ }
});
get("known-add").addEventListener("click", () => {
  const word = get("known").value.trim();
  if (word && !phrases().includes(word)) {
    get("phrases").value = [...phrases(), word].join("\n");
    get("phrases").dispatchEvent(new Event("input"));
  }
  get("known").value = "";
});
get("threshold").addEventListener("input", ({ target }) => {
  get("threshold-value").textContent = Number(target.value).toFixed(2);
  state.labelling.setThresholds(Number(target.value));
});
for (const id of ["shortest", "gap"]) {
  get(id).addEventListener("input", () => {
    const spans = ["shortest", "gap"].map((one) => Math.max(0, Number(get(one).value) || 0));
    state.labelling?.setSpans(...spans);
  });
}
get("filter").addEventListener("input", layOut);
get("hear").addEventListener("click", () => state.labelling.hear(state.labelling.selected));
for (const act of ["accept", "reject", "undo"]) {
  get(act).addEventListener("click", () => state.labelling[act](state.labelling.selected));
}
get("onset").addEventListener("change", typeSpan);
get("offset").addEventListener("change", typeSpan);
get("inspector").addEventListener("submit", (event) => event.preventDefault());
get("format").addEventListener("change", show);
get("download").addEventListener("click", async (event) => {
  // What was changed a moment ago belongs to the file.
  if (!state.labelling.unsaved && !state.labelling.saving) return;
  event.preventDefault();
  try {
    await state.labelling.save();
    state.labelling.saving = null;
    get("download").click();
  } catch (error) {
    complain(error);
  }
});
view.addEventListener("view", redraw);
view.addEventListener("time", () => {
  get("clock").textContent = `${clock(view.time)} / ${clock(view.seconds)}`;
  for (const lane of state.lanes) lane.moveCursor();
});
view.addEventListener("playing", show);
view.addEventListener("unheard", () => complain(new Error("this part cannot be played")));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(redraw).observe(get("lanes"));

function fitPhrases() {
  const lines = get("phrases").value.split("\n").length;
  get("phrases").rows = Math.max(3, Math.min(10, lines));
}

async function start() {
  try {
    get("phrases").value = localStorage.getItem(KEPT) ?? "";
  } catch { /* a private window keeps nothing */ }
  fitPhrases();
  if (!canRecord()) {
    get("record").disabled = true;
    get("record").title = "Browsers record only on localhost or by https";
  }
  try {
    const card = await api.model();
    state.card = card;
    const facts = [`${card.sample_rate / 1000} kHz`, `a score each ${1000 * card.hop_seconds} ms`];
    if (card.calibrated) facts.push("calibrated");
    if (card.licence) facts.push(card.licence);
    get("card").textContent = `${card.name}: ${facts.join(", ")}`;
    get("format").replaceChildren(...card.formats.map((name) => new Option(name, name)));
    get("known-list").replaceChildren(...card.known_phrases.map((name) => new Option(name)));
    get("known-row").hidden = !card.known_phrases.length;
  } catch (error) {
    complain(error);
  }
  show();
}

start();
