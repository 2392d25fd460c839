// The part of the panel that uses a real board: loads the program into it over Web Serial, then asks it every row that the
// simulated one is asked, and compares the answers.

import { element, grouped } from './element.js';
import { LOST, Line } from './line.js';
import { load } from './loader.js';
import { SerialBoard } from './serial_board.js';
import { Trouble } from './trouble.js';

const NO_SERIAL = 'This browser has no Web Serial, which it takes to reach a board: open the page in Chrome or Edge on a computer.';
const SAME = ['raw', 'clamped', 'missing', 'notSure', 'pins', 'digest'];   // of an answer, beside its other numbers

export class RealBoard {
  /** panel: whose `words` write an answer, and whose `restart` resets the simulated board. */
  constructor(panel, settings) {
    this.panel = panel;
    this.settings = settings;
    this.board = null;
    this.queue = [];
    this.build();
    if (!navigator.serial) this.refuse();
  }

  // ---- what is seen -----------------------------------------------------------------------------

  build() {
    this.button = element('button', { type: 'button' }, 'Use a real board');
    this.button.addEventListener('click', () => (this.board ? this.stop('The board was let go; it keeps the program.') : this.use()));
    this.state = element('p', { class: 'state', role: 'status' });
    this.bar = element('progress', { max: 1, value: 0, 'aria-label': 'loading the board', hidden: '' });
    this.value = element('p', { class: 'more' });
    this.tally = element('p', { class: 'tally' });
    this.root = element('div', { class: 'real' },
      element('p', {}, 'An Arduino Uno, Nano or Mega at a USB port: this firmware is loaded into it in place of the program that it has, and is then asked whatever the simulated one is.'),
      element('div', { class: 'buttons' }, this.button), this.state, this.bar, this.value, this.tally);
  }

  refuse() {
    this.button.remove();
    this.say(NO_SERIAL);
  }

  say(words) {
    if (this.state.textContent !== words) this.state.textContent = words;
  }

  busy(on) {
    this.button.disabled = on;
    this.bar.hidden = !on;
  }

  // ---- what happens -----------------------------------------------------------------------------

  /** From the choice of a port to a board that answers; whatever fails is said in one line, and may be tried again. */
  async use() {
    this.forget();
    this.busy(true);
    try {
      this.line = new Line(await this.choose());
      const programs = this.settings.loads.map((entry) => ({ program: this.settings.program, ...entry }));
      const { chip, baud, bytes } = await load(this.line, programs, (step, done) => this.tell(step, done));
      this.tell('waiting for its program to start', 1);
      const board = new SerialBoard(this.line, this.settings);
      await board.start();
      this.panel.restart();                        // both know nothing of any row
      this.board = board;
      this.line.gone = () => this.board === board && this.stop(said(new Trouble(LOST)));
      this.button.textContent = 'Let the board go';
      this.say(`${grouped(bytes)} bytes loaded into the ${chip} at ${grouped(baud)} baud and read back: all equal. Move a reading, or play the rows.`);
    } catch (error) {
      await this.stop(said(error));
    }
    this.busy(false);
  }

  async choose() {
    try {
      return await navigator.serial.requestPort();
    } catch (error) {
      throw new Trouble(error.name === 'NotFoundError' ? 'no port was chosen' : `the browser gives no port (${error.message})`);
    }
  }

  tell(step, done) {
    this.say(`${step[0].toUpperCase()}${step.slice(1)} ...`);
    this.bar.value = done;
  }

  forget() {
    this.queue = [];
    this.asked = this.wrong = 0;
    this.first = '';
    this.value.textContent = this.tally.textContent = '';
    this.root.classList.remove('wrong');
  }

  async stop(words) {
    this.board = null;
    this.queue = [];
    this.button.textContent = 'Use a real board';
    this.say(words);
    await this.line?.close();
  }

  /** True while it has not answered what it was asked. */
  get behind() {
    return this.board !== null && this.queue.length > 0;
  }

  /** Asks the real board as well. twin: the simulated board's answer; expected: the integer model's numbers, where they are known. */
  ask(row, twin, expected) {
    if (!this.board) return;
    this.queue.push({ row, twin, expected });
    if (this.queue.length === 1) this.work();
  }

  async work() {
    const { board } = this;
    try {
      for (; this.queue.length && this.board === board; this.queue.shift()) {
        const { row, twin, expected } = this.queue[0];
        const answer = await board.ask(row);
        if (this.board === board) this.judge(answer, twin, expected);
      }
    } catch (error) {
      if (this.board === board) await this.stop(said(error));
    }
  }

  judge(answer, twin, expected) {
    const numbers = numbersOf(answer);
    const equal = SAME.every((name) => answer[name] === twin[name]) && same(numbers, numbersOf(twin)) && (!expected || same(numbers, expected));
    const words = this.panel.words(answer).filter(Boolean).join('; ');
    this.asked++;
    if (!equal) this.differs(answer, twin, words);
    this.value.textContent = `The real board: ${words}${equal ? '' : ' (wrong)'}`;
    this.tally.textContent = this.wrong
      ? `${grouped(this.wrong)} of ${grouped(this.asked)} answers are wrong. ${this.first}`
      : `${grouped(this.asked)} of ${grouped(this.asked)} answers of the real board equal the integer model's.`;
  }

  differs(answer, twin, words) {
    this.wrong++;
    if (this.wrong > 1) return;
    const right = this.panel.words(twin).filter(Boolean).join('; ');
    this.first = `The first, answer ${grouped(this.asked)}: ${words === right ? `its flags, LEDs or row are not those of the model (${words})` : `${words}, right is ${right}`}.`;
    this.root.classList.add('wrong');
    this.say('The real board answers wrongly.');
  }
}

const numbersOf = (answer) => [answer.raw, ...answer.more];

const same = (a, b) => a.length === b.length && a.every((value, k) => value === b[k]);

/** One line on what went wrong. */
function said(error) {
  const words = error instanceof Trouble ? error.message : `something unforeseen: ${error.message}`;
  return `${words[0].toUpperCase()}${words.slice(1)}${words.endsWith('?') ? '' : '.'}`;
}
