// A serial port of Web Serial as a line of bytes: open at a rate, reset the board, write, and read with a time-out.

import { NoAnswer, Trouble } from './trouble.js';

const BUFFER_BYTES = 4096, WRITE_MS = 2000;
const RESET_MS = 250, AFTER_RESET_MS = 50;       // as avrdude: the capacitor behind DTR discharges, then the edge resets the chip

export const LOST = 'the board is gone: was its cable pulled?';

export class Line {
  constructor(port) {
    this.port = port;
    this.heard = [];
    this.wake = () => {};
    this.gone = () => {};                          // called when the port is lost while it is open
    this.ears = null;
  }

  /** Opens the port at a rate, anew where it is open. */
  async open(baud) {
    await this.close();
    try {
      await this.port.open({ baudRate: baud, bufferSize: BUFFER_BYTES });
    } catch {
      throw new Trouble('the port cannot be opened: close what else uses it (a serial monitor?), or plug the board in again');
    }
    this.clear();
    this.lost = this.closing = false;
    this.ears = this.listen();
  }

  /** Never fails: a port that is gone has nothing to close. */
  async close() {
    if (!this.ears) return;
    this.closing = true;
    for (const step of [() => this.writing, () => this.reader.cancel(), () => this.ears, () => this.port.close()]) {
      try {
        await step();
      } catch { /* gone */ }
    }
    this.ears = null;
  }

  async listen() {
    while (this.port.readable && !this.closing) {
      this.reader = this.port.readable.getReader();
      try {
        for (let got; !(got = await this.reader.read()).done; this.wake()) this.heard.push(...got.value);
      } catch { /* a break or a framing error: the port has a new stream then, and none where it is lost */ }
      this.reader.releaseLock();
    }
    this.lost = true;
    this.wake();
    if (!this.closing) this.gone();
  }

  /** Resets the board, as the programs do that load it: by DTR or RTS, whichever its USB chip leads to the reset pin. */
  async reset() {
    await this.signals(false);
    await this.pause(RESET_MS);
    await this.signals(true);
    await this.pause(AFTER_RESET_MS);
    this.clear();
  }

  async signals(on) {
    try {
      await this.port.setSignals({ dataTerminalReady: on, requestToSend: on });
    } catch {
      throw new Trouble(LOST);
    }
  }

  write(bytes) {
    this.writing = this.send(bytes);
    return this.writing;
  }

  async send(bytes) {
    if (this.lost || !this.port.writable) throw new Trouble(LOST);
    const writer = this.port.writable.getWriter();
    let late;
    const limit = new Promise((_, fail) => { late = setTimeout(() => fail(new Trouble('the port takes no more bytes')), WRITE_MS); });
    try {
      await Promise.race([writer.write(Uint8Array.from(bytes)), limit]);
    } catch (error) {
      throw error instanceof Trouble ? error : new Trouble(LOST);
    } finally {
      clearTimeout(late);
      writer.releaseLock();
    }
  }

  /** The next `count` bytes; NoAnswer where they do not come within `ms`. */
  async read(count, ms) {
    if (!await this.until(() => this.heard.length >= count, ms)) throw new NoAnswer('the board does not answer');
    return this.heard.splice(0, count);
  }

  clear() {
    this.heard.length = 0;
  }

  pause(ms) {
    return new Promise((done) => { setTimeout(done, ms); });
  }

  /** True as soon as `there()` is, false after `ms`. */
  async until(there, ms) {
    let over = false;
    const timer = setTimeout(() => { over = true; this.wake(); }, ms);
    let found;
    while (!(found = there()) && !over && !this.lost) await new Promise((done) => { this.wake = done; });
    clearTimeout(timer);
    if (!found && this.lost) throw new Trouble(LOST);
    return found;
  }
}
