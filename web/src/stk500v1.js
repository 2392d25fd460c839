// The bootloader of Uno and Nano: STK500 version 1 (Atmel AVR061), as optiboot and the older ATmegaBOOT understand it. `line` is
// a Line of line.js, or what stands for one.

import { NoAnswer } from './trouble.js';

const GET_SYNC = 0x30, ENTER = 0x50, LEAVE = 0x51, LOAD_ADDRESS = 0x55, WRITE_PAGE = 0x64, READ_PAGE = 0x74, READ_SIGNATURE = 0x75;
const END = 0x20, IN_SYNC = 0x14, OK = 0x10, FLASH = 0x46;
const SIGN_ON_MS = 900, ANSWER_MS = 1000;        // it starts the program after a second without a word

export class Stk500v1 {
  constructor(line) {
    this.line = line;
  }

  /** Ends when the bootloader has answered. Only one question is asked after a reset: while it blinks it keeps no more than three
   *  bytes, and the piece of a second one would be its end. */
  async signOn() {
    await this.command([GET_SYNC], 0, SIGN_ON_MS);
    await this.command([ENTER]);
  }

  /** The three bytes that name the chip. */
  signature() {
    return this.command([READ_SIGNATURE], 3);
  }

  /** Writes a page of flash; `address` in bytes. */
  async writePage(address, bytes) {
    await this.goTo(address);
    await this.command([WRITE_PAGE, bytes.length >> 8, bytes.length & 0xff, FLASH, ...bytes]);
  }

  async readPage(address, count) {
    await this.goTo(address);
    return this.command([READ_PAGE, count >> 8, count & 0xff, FLASH], count);
  }

  /** Starts the program. */
  async leave() {
    await this.command([LEAVE]);
  }

  goTo(address) {
    const word = address >> 1;
    return this.command([LOAD_ADDRESS, word & 0xff, word >> 8]);
  }

  /** Sends a command; the `count` bytes of its answer. */
  async command(bytes, count = 0, ms = ANSWER_MS) {
    await this.line.write([...bytes, END]);
    await this.expect(IN_SYNC, ms);
    const answer = count ? await this.line.read(count, ANSWER_MS) : [];
    await this.expect(OK, ANSWER_MS);
    return answer;
  }

  async expect(wanted, ms) {
    const [byte] = await this.line.read(1, ms);
    if (byte !== wanted) throw new NoAnswer('the bootloader answers with bytes that it should not send');
  }
}
