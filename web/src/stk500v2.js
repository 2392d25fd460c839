// The bootloader of the Mega: STK500 version 2 (Atmel AVR068). `line` is a Line of line.js, or what stands for one.

import { NoAnswer, Trouble } from './trouble.js';

const START = 0x1b, TOKEN = 0x0e, HEAD = 5, OK = 0;
const SIGN_ON = 0x01, LOAD_ADDRESS = 0x06, ENTER = 0x10, LEAVE = 0x11, WRITE_PAGE = 0x13, READ_PAGE = 0x14, READ_SIGNATURE = 0x1b;
// Time-outs, delays and instructions for a programmer at the chip's pins (AVR068): a bootloader passes over them.
const ENTER_WITH = [200, 100, 25, 32, 0, 0x53, 3, 0xac, 0x53, 0, 0], WRITE_WITH = [0xc1, 10, 0x40, 0x4c, 0x20, 0, 0], READ_WITH = 0x20;
const SIGN_ON_MS = 900, ANSWER_MS = 1000;

export class Stk500v2 {
  constructor(line) {
    this.line = line;
  }

  /** Ends when the bootloader has answered. */
  async signOn() {
    this.seq = 1;
    await this.command([SIGN_ON], SIGN_ON_MS);
    await this.command([ENTER, ...ENTER_WITH]);
  }

  /** The three bytes that name the chip. */
  async signature() {
    const bytes = [];
    for (const place of [0, 1, 2]) bytes.push((await this.command([READ_SIGNATURE, 4, 0x30, 0, place, 0]))[0]);
    return bytes;
  }

  /** Writes a page of flash; `address` in bytes. The bootloader erases page after page from 0 on: they must come in order. */
  async writePage(address, bytes) {
    await this.goTo(address);
    await this.command([WRITE_PAGE, bytes.length >> 8, bytes.length & 0xff, ...WRITE_WITH, ...bytes]);
  }

  async readPage(address, count) {
    await this.goTo(address);
    return (await this.command([READ_PAGE, count >> 8, count & 0xff, READ_WITH])).slice(0, count);
  }

  /** Starts the program. */
  async leave() {
    await this.command([LEAVE, 1, 1]);
  }

  goTo(address) {
    const word = address >> 1;
    return this.command([LOAD_ADDRESS, word >>> 24, (word >> 16) & 0xff, (word >> 8) & 0xff, word & 0xff]);
  }

  /** Sends a command; its answer behind command and status. */
  async command(body, ms = ANSWER_MS) {
    const seq = this.seq;
    const message = [START, seq, body.length >> 8, body.length & 0xff, TOKEN, ...body];
    await this.line.write([...message, parity(message)]);
    const head = await this.line.read(HEAD, ms);
    if (head[0] !== START || head[1] !== seq || head[4] !== TOKEN) throw garbled();
    const rest = await this.line.read((head[2] << 8 | head[3]) + 1, ANSWER_MS);
    if (parity([...head, ...rest]) || rest[0] !== body[0]) throw garbled();
    if (rest[1] !== OK) throw new Trouble(`the bootloader refuses command ${body[0]} with status ${rest[1]}`);
    this.seq = (seq + 1) & 0xff;
    return rest.slice(2, -1);
  }
}

const parity = (bytes) => bytes.reduce((sum, byte) => sum ^ byte, 0);

const garbled = () => new NoAnswer('the bootloader answers with bytes that it should not send');
