// The server's answers.

const BASE = "/api";

/** What a server says about why it did not, in words. */
function reason(text, status) {
  try {
    const { detail } = JSON.parse(text);
    if (typeof detail === "string") return detail;
    return detail.map((one) => one.msg.replace(/^Value error, /, "")).join("; ");
  } catch {
    return status ? `the server answered ${status}` : "the server is out of reach";
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(BASE + path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the server is out of reach");
  }
  if (!response.ok) {
    const later = response.headers.get("retry-after");
    const words = reason(await response.text(), response.status);
    throw new Error(later ? `${words} (in about ${later} s)` : words);
  }
  return response;
}

const json = (method, body) => ({
  method,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

export const model = async () => (await ask("/model")).json();
export const peaks = async (id, columns) =>
  (await ask(`/recordings/${id}/peaks?columns=${columns}`)).json();
export const audioURL = (id) => `${BASE}/recordings/${id}/audio`;
export const spectrogramURL = (id, columns) =>
  `${BASE}/recordings/${id}/spectrogram.png?columns=${columns}`;
export const clipURL = (id, onset, offset) =>
  `${BASE}/recordings/${id}/clip.wav?onset=${onset}&offset=${offset}`;
export const labelsURL = (id, format) =>
  `${BASE}/detections/${id}/labels?format=${format}`;
export const removeRecording = (id) => ask(`/recordings/${id}`, { method: "DELETE" });
export const correct = async (id, body) =>
  (await ask(`/detections/${id}/corrections`, json("PUT", body))).json();

/** Sends a file; fetch could not tell how far it is. */
export function upload(file, name, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${BASE}/recordings?name=${encodeURIComponent(name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText));
      else reject(new Error(reason(request.responseText, request.status)));
    };
    request.onerror = () => reject(new Error("the server closed the connection"));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** Lines of JSON of a job, as they come; closing it cancels the job. */
async function* lines(path, body, signal) {
  const response = await ask(path, { ...json("POST", body), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
  }
}

/** The same, an error as one. */
async function* news(path, body, signal) {
  for await (const line of lines(path, body, signal)) {
    if (line.type === "error") throw new Error(line.detail);
    yield line;
    if (line.type === "done") return;
  }
  throw new Error("the server ended before the result was whole");
}

export const detect = (id, query, signal) =>
  news(`/recordings/${id}/detections`, query, signal);
export const learn = (id, signal) => news(`/detections/${id}/learn`, {}, signal);
