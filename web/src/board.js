// The board as a host sees it: a row goes in over the serial line, an answer comes out.

import { Chip } from './chip.js';
import { Frames, HELLO, INFO, RESULT, ROW, encode, packRow, readResult, seedOf } from './wire.js';

const SECONDS = 2;           // of simulated time that an answer may take

export class Board {
  constructor(settings) {
    this.settings = settings;
    this.seed = seedOf(settings.id);
    this.version = settings.version;
    this.frames = new Frames(this.seed, this.version);
    this.seq = 0;
    this.chip = new Chip(settings.program, settings.board.hz, (byte) => this.frames.hear(byte));
    let info = this.wait(INFO);                   // it comes unasked after a reset
    if (!info) {
      this.chip.write(encode(HELLO, 0, 1, [], this.seed, this.version));
      info = this.wait(INFO);
    }
    if (!info) throw new Error('the board does not answer');
    this.session = info.session;
  }

  /** The next frame of a kind, or null. */
  wait(kind, seq) {
    let found = null;
    this.chip.run(SECONDS * this.chip.hz, () => {
      found = this.frames.find(kind, seq);
      return found !== null;
    });
    return found;
  }

  /** The board's answer to one row of raw readings, with its LEDs and the cycles of the model. */
  ask(row) {
    this.seq = (this.seq + 1) & 0xff;
    this.chip.lastCycles = null;
    this.chip.write(encode(ROW, this.session, this.seq, packRow(row), this.seed, this.version));
    const frame = this.wait(RESULT, this.seq);
    if (!frame) throw new Error('the board does not answer');
    const leds = this.settings.leds.map((led) => this.chip.pin(led.pin));
    return { ...readResult(frame.payload), leds, cycles: this.chip.lastCycles };
  }
}
