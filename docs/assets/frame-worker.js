// Search without a server: browsers start no worker from a file, so that the
// worker's script runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inner = frame.contentWindow;
      const load = (source) =>
        new Promise((done, failed) => {
          const script = inner.document.createElement("script");
          script.src = source;
          script.onload = done;
          script.onerror = failed;
          inner.document.head.append(script);
        });
      inner.importScripts = async (...sources) => {
        for (const source of sources) await load(source);
      };
      inner.postMessage = (data) =>
        this.dispatchEvent(new MessageEvent("message", { data }));
      this.inner = inner;
      this.ready = load(new URL(address, location.href).href);
    }

    postMessage(data) {
      this.ready.then(() =>
        this.inner.dispatchEvent(
          new this.inner.MessageEvent("message", { data }),
        ),
      );
    }

    terminate() {}
  };
}
