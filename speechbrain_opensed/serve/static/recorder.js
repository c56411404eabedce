// Records the microphone into a WAV file: no codec is needed to read it.

/** Whether a browser lets this page record: only on localhost or by https. */
export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia);

function wav(parts, rate) {
  const count = parts.reduce((sum, part) => sum + part.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const text = (at, letters) => {
    [...letters].forEach((one, i) => view.setUint8(at + i, one.charCodeAt(0)));
  };
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const part of parts) {
    for (const sample of part) {
      const whole = Math.round(32767 * Math.max(-1, Math.min(1, sample)));
      view.setInt16(at, whole, true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}

/** Starts; gives a function that stops and gives the file. */
export async function record(tell) {
  // What telephones do to a voice would take sounds away.
  const audio = {
    echoCancellation: false, noiseSuppression: false, autoGainControl: false,
  };
  const stream = await navigator.mediaDevices.getUserMedia({ audio });
  const context = new AudioContext();
  await context.audioWorklet.addModule("/static/recorder-worklet.js");
  const source = context.createMediaStreamSource(stream);
  const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 });
  const parts = [];
  let count = 0;
  tap.port.onmessage = ({ data }) => {
    parts.push(data);
    count += data.length;
    tell(count / context.sampleRate);
  };
  source.connect(tap);
  return async () => {
    source.disconnect();
    stream.getTracks().forEach((track) => track.stop());
    await context.close();
    return wav(parts, context.sampleRate);
  };
}
