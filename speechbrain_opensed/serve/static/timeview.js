// Waveform, spectrogram and ruler, and the span of time that is seen.

import WaveSurfer from "/static/vendor/wavesurfer.esm.js";
import { audioURL, clipURL, peaks, spectrogramURL } from "/static/api.js";

const COLUMNS = 4000;
const MOST_PIXELS_A_SECOND = 1000;

export const color = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A canvas as large as it is seen, in the screen's own pixels. */
export function fresh(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const brush = canvas.getContext("2d");
  brush.setTransform(scale, 0, 0, scale, 0, 0);
  return { brush, width, height };
}

export function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return `${minutes}:${rest}`;
}

/** The recording on the screen: what is seen of it, and what is heard. */
export class TimeView extends EventTarget {
  constructor(nonce) {
    super();
    this.nonce = nonce;
    this.seconds = 0;
    this.start = 0;
    this.end = 1;
    this.time = 0;
    this.clip = new Audio();
    this.clipStart = 0;
    this.clip.addEventListener("timeupdate", () => {
      if (!this.clip.paused) this.#at(this.clipStart + this.clip.currentTime);
    });
    this.clip.addEventListener("ended", () => {
      this.#at(this.clipStart + this.clip.currentTime);
    });
    for (const name of ["play", "pause", "ended"]) {
      this.clip.addEventListener(name, () => this.#changed("playing"));
    }
    this.clip.addEventListener("error", () => {
      if (this.clip.getAttribute("src")) this.#changed("unheard");
    });
    this.zoomSlider = document.getElementById("zoom");
    this.zoomSlider.addEventListener("input", () => this.#zoom());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.wave?.setOptions(this.#colors());
      this.#seen();
    });
  }

  #colors() {
    return {
      waveColor: color("quiet"),
      progressColor: color("accent"),
      cursorColor: color("text"),
    };
  }

  /** Shows another recording. */
  async open(recording) {
    this.close();
    this.recording = recording;
    this.seconds = recording.seconds;
    this.start = 0;
    this.end = recording.seconds;
    this.zoomSlider.value = 0;
    this.image = new Image();
    this.image.onload = () => this.#draw();
    this.image.src = spectrogramURL(recording.id, COLUMNS);
    const samples = await peaks(recording.id, COLUMNS);
    if (this.recording !== recording) return;
    this.wave = WaveSurfer.create({
      container: "#wave",
      height: 64,
      normalize: true,
      dragToSeek: false,
      url: audioURL(recording.id),
      peaks: [samples],
      duration: recording.seconds,
      cspNonce: this.nonce,
      ...this.#colors(),
    });
    this.playable = true;
    for (const name of ["scroll", "zoom", "redraw", "resize"]) {
      this.wave.on(name, () => this.#seen());
    }
    this.wave.on("timeupdate", (time) => this.#at(time));
    this.wave.on("error", () => {
      this.playable = false;
      this.#changed("playing");
    });
    for (const name of ["play", "pause", "finish"]) {
      this.wave.on(name, () => this.#changed("playing"));
    }
    this.#seen();
  }

  close() {
    this.stop();
    this.clip.removeAttribute("src");
    this.wave?.destroy();
    this.wave = null;
    this.recording = null;
    this.time = 0;
  }

  get playing() {
    return !this.clip.paused || Boolean(this.wave?.isPlaying());
  }

  stop() {
    this.clip.pause();
    this.wave?.pause();
  }

  /** All from the cursor on; what the browser cannot play, as a clip. */
  async toggle() {
    if (this.playing) this.stop();
    else if (this.playable) await this.wave.play().catch(() => {});
    else await this.hear(this.time >= this.seconds ? 0 : this.time, this.seconds);
  }

  /** One span of time. */
  async hear(onset, offset) {
    this.stop();
    this.clipStart = onset;
    this.clip.src = clipURL(this.recording.id, onset, offset);
    await this.clip.play().catch(() => {});
  }

  seek(time) {
    this.stop();
    this.wave?.setTime(time);
    this.#at(time);
  }

  /** Place of a time, as a share of what is seen. */
  share(time) {
    return (time - this.start) / Math.max(1e-9, this.end - this.start);
  }

  timeAt(share) {
    const time = this.start + share * (this.end - this.start);
    return Math.max(0, Math.min(this.seconds, time));
  }

  #at(time) {
    this.time = time;
    this.#changed("time");
  }

  #changed(what) {
    this.dispatchEvent(new Event(what));
  }

  #zoom() {
    if (!this.wave) return;
    const whole = this.wave.getWidth() / this.seconds;
    const wanted = whole * 2 ** Number(this.zoomSlider.value);
    this.wave.zoom(Math.max(whole, Math.min(wanted, MOST_PIXELS_A_SECOND)));
    if (this.share(this.time) < 0 || this.share(this.time) > 1) {
      this.wave.setScrollTime(Math.max(0, this.time));
    }
    this.#seen();
  }

  #seen() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      if (!this.wave) return;
      const total = this.wave.getWrapper().getBoundingClientRect().width || 1;
      const first = this.wave.getScroll() / total;
      const share = Math.min(1, this.wave.getWidth() / total);
      this.start = first * this.seconds;
      this.end = Math.min(this.seconds, (first + share) * this.seconds);
      this.#draw();
      this.#changed("view");
    });
  }

  #draw() {
    this.#drawSpectrogram();
    this.#drawRuler();
  }

  #drawSpectrogram() {
    const canvas = document.getElementById("spectrogram");
    const { brush, width, height } = fresh(canvas);
    const { image } = this;
    if (!image?.complete || !image.naturalWidth) return;
    const first = (this.start / this.seconds) * image.naturalWidth;
    const count = ((this.end - this.start) / this.seconds) * image.naturalWidth;
    brush.drawImage(
      image, first, 0, Math.max(count, 1e-3), image.naturalHeight,
      0, 0, width, height,
    );
  }

  #drawRuler() {
    const canvas = document.getElementById("ruler");
    const { brush, width, height } = fresh(canvas);
    const span = this.end - this.start;
    const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120,
      300, 600, 1200, 1800, 3600];
    const step = steps.find((one) => (one / span) * width >= 70) ?? 7200;
    brush.fillStyle = color("quiet");
    brush.font = "12px system-ui, sans-serif";
    brush.textBaseline = "bottom";
    for (let at = Math.ceil(this.start / step) * step; at <= this.end; at += step) {
      const x = this.share(at) * width;
      brush.fillRect(x, 0, 1, 5);
      const text = step < 0.1 ? at.toFixed(2)
        : clock(at).slice(0, step < 1 ? undefined : -2);
      const room = brush.measureText(text).width;
      if (x + room + 3 < width) brush.fillText(text, x + 3, height);
    }
  }
}
