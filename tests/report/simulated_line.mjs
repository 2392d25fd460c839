// Runs the page's own files in node: a line whose board is a simulator at the other end of the standard streams, in its time.
// Its task, asked for first, is {programs} to load, {settings, rows} to ask or a {hex} to read; its last line says what came of it.

import { readSync, writeSync } from 'node:fs';
import { readHex } from '../../web/src/hex.js';
import { load } from '../../web/src/loader.js';
import { SerialBoard } from '../../web/src/serial_board.js';
import { NoAnswer, Trouble } from '../../web/src/trouble.js';

let rest = '';

function say(...words) {
  writeSync(1, `${JSON.stringify(words)}\n`);
}

function ask(...words) {
  say(...words);
  const chunk = Buffer.alloc(65536);
  while (!rest.includes('\n')) {
    const count = readSync(0, chunk);
    if (count === 0) process.exit(1);
    rest += chunk.toString('latin1', 0, count);
  }
  const end = rest.indexOf('\n'), answer = JSON.parse(rest.slice(0, end));
  rest = rest.slice(end + 1);
  return answer;
}

class SimulatedLine {
  heard = [];

  open(baud) { ask('open', baud); this.clear(); }

  reset() { ask('reset'); this.clear(); }

  write(bytes) { ask('write', [...bytes]); }

  pause(ms) { this.heard.push(...ask('run', ms)); }

  clear() { this.heard.length = 0; }

  async read(count, ms) {
    if (!await this.until(() => this.heard.length >= count, ms, count - this.heard.length)) throw new NoAnswer('the board does not answer');
    return this.heard.splice(0, count);
  }

  async until(there, ms, wanted = 1) {
    for (let left = ms; ;) {
      if (there()) return true;
      if (left <= 0) return false;
      const [bytes, passed] = ask('wait', wanted, left);
      this.heard.push(...bytes);
      left -= passed;
    }
  }
}

const { programs, settings, rows, hex } = ask('task');
const line = new SimulatedLine();
try {
  if (hex) say('done', [...readHex(hex)]);
  if (programs) say('done', await load(line, programs, () => {}));
  if (settings) {
    const board = new SerialBoard(line, settings);
    await board.start();
    const answers = [];
    for (const row of rows) answers.push(await board.ask(row));
    say('done', answers);
  }
} catch (error) {
  say(error instanceof Trouble ? 'trouble' : 'bug', error instanceof Trouble ? error.message : error.stack);
}
