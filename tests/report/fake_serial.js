// A port of Web Serial whose board is at the test's end of the line, and timers that go by that board's clock. Runs before the page.
(() => {
  const { setTimeout: later, clearTimeout: cancel } = window;
  const timers = new Map(), done = [];
  let now = 0, made = 0, opened = false, incoming = null;

  window.setTimeout = (call, ms = 0) => {
    timers.set(++made, { call, at: now + ms });
    return made;
  };
  window.clearTimeout = (name) => timers.delete(name);

  function readable() {
    return new ReadableStream({ start(controller) { incoming = controller; } });
  }

  const port = {
    readable: null,
    writable: null,
    async open({ baudRate }) {
      if (opened || fake.taken) throw new DOMException('Failed to open serial port.', 'NetworkError');
      opened = true;
      done.push(['open', baudRate]);
      port.readable = readable();
      port.writable = new WritableStream({ write(bytes) { done.push(['write', [...bytes]]); } });
    },
    async close() {
      if (port.readable?.locked || port.writable?.locked) throw new TypeError('locked');
      opened = false;
      done.push(['close']);
      port.readable = port.writable = null;
    },
    async setSignals({ dataTerminalReady }) {
      if (!port.readable) throw new DOMException('The device has been lost.', 'NetworkError');
      done.push(['signals', dataTerminalReady]);
    },
  };

  function fail(kind) {
    incoming.error(new DOMException('failed', kind));
    incoming = null;
  }

  const fake = {
    taken: false,           // another program has the port
    cancelled: false,       // the user chooses none

    /** Bytes from the board, and its clock in ms; then what the page did, and the ms at which it wants to wake up. */
    exchange(bytes, at, told) {
      now = at;
      if (incoming && opened && bytes.length) incoming.enqueue(Uint8Array.from(bytes));
      for (const [name, { call, at: due }] of [...timers].sort((a, b) => a[1].at - b[1].at))
        if (due <= now && timers.delete(name)) call();
      later(() => told({ done: done.splice(0), wake: Math.min(...[...timers.values()].map((timer) => timer.at), now + 50), ...fake.seen() }));
    },

    seen() {
      const { real, timer } = tinygen.panel;
      return { said: real.state.textContent, busy: real.button.disabled, playing: timer !== null || real.behind, tally: real.tally.textContent };
    },

    /** What every port has at times: the stream breaks, and another takes its place. */
    framingError() {
      fail('FramingError');
      port.readable = readable();
    },

    unplug() {
      fail('NetworkError');
      port.readable = port.writable = null;
    },

    /** The browser's own timers again. */
    realTime() {
      Object.assign(window, { setTimeout: later, clearTimeout: cancel });
    },
  };

  const requestPort = async () => {
    if (fake.cancelled) throw new DOMException('No port selected by the user.', 'NotFoundError');
    return port;
  };
  Object.defineProperty(navigator, 'serial', { value: { requestPort } });
  window.fake = fake;
})();
