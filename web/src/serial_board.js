// A real board as a host sees it: the same rows and answers as board.js, over a line that takes its time.

import { NoAnswer, Trouble } from './trouble.js';
import { Frames, HELLO, INFO, RESULT, ROW, encode, packRow, readInfo, readResult, seedOf } from './wire.js';

const BOOT_MS = 2500;          // no word to a board that may be in its bootloader: it would read it
const HELLO_MS = 250, START_MS = 8000;
const ANSWER_MS = 500, TRIES = 4;

export class SerialBoard {
  constructor(line, settings) {
    this.line = line;
    this.settings = settings;
    this.seed = seedOf(settings.id);
    this.seq = 0;
  }

  /** Resets the board and waits until its program has said who it is. */
  async start() {
    await this.line.open(this.settings.baud);
    await this.line.reset();
    this.frames = new Frames(this.seed, this.settings.version);
    let info = await this.wait(BOOT_MS, INFO);              // it comes unasked after a reset
    for (let waited = BOOT_MS; !info && waited < START_MS; waited += HELLO_MS) {
      await this.send(HELLO, 1, []);
      info = await this.wait(HELLO_MS, INFO);
    }
    if (!info) throw new Trouble(`the program was loaded, but the board says nothing at ${this.settings.baud} baud: press its reset button and try again`);
    const { model, corrupt } = readInfo(info.payload);
    if (model !== this.settings.id || corrupt) throw new Trouble('the board says that the program it runs is not the one of this page: load it again');
    this.session = info.session;
  }

  /** The board's answer to one row of raw readings. A row whose answer got lost is sent again under its number. */
  async ask(row) {
    this.seq = (this.seq + 1) & 0xff;
    for (let left = TRIES; left; left--) {
      await this.send(ROW, this.seq, packRow(row));
      const frame = await this.wait(ANSWER_MS, RESULT, this.seq);
      if (frame && frame.session === this.session) return readResult(frame.payload);
    }
    throw new NoAnswer('the board does not answer any more: use it again, which resets it');
  }

  send(kind, seq, payload) {
    return this.line.write(encode(kind, this.session ?? 0, seq, payload, this.seed, this.settings.version));
  }

  /** The next frame of a kind, or null where it does not come within `ms`. */
  async wait(ms, kind, seq) {
    let found = null;
    await this.line.until(() => {
      for (const byte of this.line.heard.splice(0)) this.frames.hear(byte);
      found = this.frames.find(kind, seq);
      return found !== null;
    }, ms);
    return found;
  }
}
