// The board in the report: sliders in, value and LEDs out, and the test rows played through it. Of a model of signals the samples of a recording
// are played, and the sliders show them. A real board may follow.

import { Board } from './board.js';
import { Chip } from './chip.js';
import { element, grouped } from './element.js';
import { RealBoard } from './real.js';
import * as wire from './wire.js';

const MISSING = -32768;                                  // no value in a sample, no decision yet in an answer
const FRAMES = 25;                                       // times a second that samples are shown at their own pace
const PACES = [['2 rows a second', 500, 1], ['10 rows a second', 100, 1], ['as fast as it goes', 0, 40]];
const REAL_MS = 5;              // between two looks at whether the real board has answered

/** The value of a raw integer, with the digits of its step. */
const physical = (raw, quantity) => (quantity.offset + raw * quantity.scale).toFixed(quantity.digits);

/** Words, wait in ms, samples a time: as they were taken, ten times as fast, and without a pause. */
function pacesOf(rate) {
  const wait = 1000 / Math.min(rate, FRAMES), batch = Math.max(1, Math.round(rate * wait / 1000));
  return [['the pace of the recording', wait, batch], ['ten times its pace', wait, 10 * batch], ['as fast as it goes', 0, 40]];
}

class Panel {
  constructor(root, settings) {
    this.settings = settings;
    this.board = new Board(settings);
    this.parts = settings.signals ? settings.signals.parts : [{ first: 0, count: settings.rows.length }];
    this.part = this.parts[0];
    this.paces = settings.signals ? pacesOf(settings.signals.rate) : PACES;
    this.timer = null;
    this.real = settings.loads ? new RealBoard(this, settings) : null;
    this.build(root);
    this.reset();
    this.show(settings.inputs.map((input) => input.start));
    root.hidden = false;
  }

  // ---- what is seen -----------------------------------------------------------------------------

  build(root) {
    this.sliders = this.settings.inputs.map((input, k) => this.slider(input, k));
    const readings = element('fieldset', { class: 'readings' }, element('legend', {}, this.settings.signals ? 'Sample' : 'Readings'), ...this.sliders.map((s) => s.row));
    this.value = element('output', { class: 'value', 'aria-live': 'polite' });
    this.flag = element('p', { class: 'flag' });
    this.leds = this.settings.leds.map((led) => this.led(led.name, led.says));
    this.more = element('p', { class: 'more' });
    this.cycles = element('p', { class: 'cycles' });
    const answer = element('div', { class: 'answer' }, element('p', { class: 'chipname' }, `${this.settings.board.title}, simulated to the cycle`), this.value, this.more, this.flag,
      element('div', { class: 'leds' }, ...this.leds.map((led) => led.row)), this.cycles);
    root.append(readings, element('div', { class: 'right' }, answer, this.player(), ...(this.real ? [this.real.root] : [])));
  }

  slider(input, k) {
    const name = input.unit ? `${input.name} [${input.unit}]` : input.name;
    const range = element('input', { type: 'range', id: `reading-${k}`, min: input.low, max: input.high, step: 1, value: input.start });
    const shown = element('output', { for: `reading-${k}` });
    range.disabled = Boolean(this.settings.signals);
    range.addEventListener('input', () => {
      this.stop();
      this.show(this.sliders.map((s) => Number(s.range.value)));
    });
    return { range, shown, row: element('div', { class: 'reading' }, element('label', { for: `reading-${k}` }, name), range, shown) };
  }

  led(colour, meaning) {
    const state = element('span', { class: 'state' });
    const lamp = element('span', { class: `lamp ${colour}`, 'aria-hidden': 'true' });
    return { lamp, state, row: element('p', { class: 'led' }, lamp, element('span', {}, `${colour}: `, state, element('small', {}, ` ${meaning}`)) ) };
  }

  player() {
    const rows = this.settings.rows.length;
    this.button = element('button', { type: 'button' }, this.playWords);
    this.button.addEventListener('click', () => (this.timer === null ? this.play() : this.stop()));
    const again = element('button', { type: 'button' }, 'From the start');
    again.addEventListener('click', () => { this.stop(); this.reset(); });
    this.pace = element('select', { id: 'pace' }, ...this.paces.map(([words], k) => element('option', { value: k }, words)));
    this.bar = element('progress', { max: this.part.count, value: 0, 'aria-label': `${this.settings.signals ? 'samples' : 'rows'} played` });
    this.tally = element('p', { class: 'tally' });
    const what = this.settings.truth ? 'test rows' : 'made-up rows: corners of the ranges, then random ones';
    const which = this.settings.signals ? this.chooser() : element('p', {}, `${grouped(rows)} ${what}`);
    return element('div', { class: 'player' }, which, element('div', { class: 'buttons' }, this.button, again,
      element('label', { for: 'pace' }, 'at '), this.pace), this.bar, this.tally);
  }

  get playWords() {
    return this.settings.signals ? 'Play the recording' : 'Play the rows';
  }

  /** Which recording is played. */
  chooser() {
    const choice = element('select', { id: 'recording' }, ...this.parts.map((part, k) => element('option', { value: k }, part.name)));
    choice.addEventListener('change', () => {
      this.stop();
      this.part = this.parts[Number(choice.value)];
      this.bar.max = this.part.count;
      this.reset();
    });
    this.choice = choice;
    return element('p', {}, element('label', { for: 'recording' }, 'Recording '), choice);
  }

  // ---- what happens -----------------------------------------------------------------------------

  /** Asks the board and shows its answer; expected: the integer model's numbers, where they are known. */
  show(row, expected) {
    const answer = this.board.ask(row);
    this.real?.ask(row, answer, expected);
    this.sliders.forEach((s, k) => {
      const input = this.settings.inputs[k];
      const words = physical(row[k], input);
      s.range.value = row[k];
      s.range.setAttribute('aria-valuetext', `${words} ${input.unit}`.trim());
      s.shown.textContent = words;
    });
    [this.value.textContent, this.more.textContent] = this.words(answer);
    this.more.hidden = this.more.textContent === '';
    const lost = this.settings.signals ? 'A sample without values: windows begin anew.' : 'A reading is missing.';
    this.flag.textContent = answer.missing ? lost : answer.clamped ? 'A reading lies beyond the accepted range: it was brought to its end, and flagged.' : '';
    this.leds.forEach((led, k) => this.light(led, answer.leds[k]));
    const time = answer.cycles === null ? '' : `${grouped(answer.cycles)} cycles for this answer: ${(answer.cycles * 1e6 / this.settings.board.hz).toFixed(1)} us`;
    this.cycles.textContent = time;
    return answer;
  }

  /** What the answer says, and what the numbers behind the first one say. */
  words(answer) {
    const { outputs, labels, scores } = this.settings;
    if (this.settings.signals && answer.raw === MISSING) return ['no decision yet', ''];
    if (answer.missing) return ['no value', ''];
    const told = scores ? `scores: ${labels.map((label, k) => `${label} ${grouped(answer.more[k])}`).join(', ')}` : '';
    if (answer.notSure) return ['not sure', told];
    if (labels.length) return [labels[answer.raw] ?? `class ${answer.raw}`, told];
    const each = outputs.map((output, k) => `${physical([answer.raw, ...answer.more][k], output)} ${output.unit}`.trim());
    if (outputs.length === 1) return [each[0], ''];
    const [first, ...rest] = each.map((words, k) => `${outputs[k].name} ${words}`);
    return [first, rest.join(', ')];
  }

  light(led, on) {
    led.lamp.classList.toggle('on', on);
    led.state.textContent = on ? 'on' : 'off';
  }

  reset() {
    this.played = this.equal = this.right = this.sure = 0;
    this.errors = this.settings.outputs.map(() => 0);
    this.bar.value = 0;
    this.tally.textContent = '';
  }

  /** The board as after a reset, and the rows from the start. */
  restart() {
    this.stop();
    this.reset();
    this.board = new Board(this.settings);
  }

  play() {
    if (this.played === this.part.count) this.reset();
    this.button.textContent = 'Pause';
    this.value.setAttribute('aria-live', 'off');
    this.next();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.button.textContent = this.playWords;
    this.value.setAttribute('aria-live', 'polite');
  }

  next() {
    const [, wait, batch] = this.paces[Number(this.pace.value)];
    if (this.real?.behind) {
      this.timer = setTimeout(() => this.next(), REAL_MS);
      return;
    }
    for (let k = 0; k < batch && this.played < this.part.count; k++) this.one();
    if (this.played === this.part.count) {
      this.stop();
      return;
    }
    this.timer = setTimeout(() => this.next(), wait);
  }

  /** One row of the list, and what is known of it. */
  one() {
    const { rows, truth, answers, labels, outputs, signals } = this.settings;
    const k = this.part.first + this.played++;
    const answer = this.show(rows[k], answers[k]);
    const numbers = [answer.raw, ...answer.more];
    this.equal += numbers.length === answers[k].length && numbers.every((number, j) => number === answers[k][j]);
    let words = `${grouped(this.equal)} of ${grouped(this.played)} answers equal the integer model's`;
    if (truth && signals) {
      this.sure += answer.raw !== MISSING;
      this.right += answer.raw !== MISSING && answer.raw === truth[k][0];
      words += `; ${grouped(this.right)} of ${grouped(this.sure)} decisions name the true class`;
    } else if (truth && labels.length) {
      this.sure += !answer.notSure;
      this.right += answer.raw === truth[k][0];
      words += `; ${grouped(this.right)} name the true class`;
      if (this.sure < this.played) words += `, ${grouped(this.played - this.sure)} are not sure`;
    } else if (truth) {
      const soFar = outputs.map((output, j) => {
        this.errors[j] += Math.abs(numbers[j] - truth[k][j]) * output.scale;
        return `${Number((this.errors[j] / this.played).toPrecision(4))} ${output.unit}`.trim();
      });
      const named = (parts) => (outputs.length === 1 ? parts[0] : parts.map((part, j) => `${outputs[j].name} ${part}`).join(', '));
      words += `; true ${named(outputs.map((output, j) => physical(truth[k][j], output)))}, mean absolute error so far ${named(soFar)}`;
    }
    this.tally.textContent = `${words.trim()}.`;
    this.bar.value = this.played;
  }
}

const settings = document.getElementById('settings'), root = document.querySelector('[data-board]');
globalThis.tinygen = { Board, Chip, wire };              // for whoever wants to ask the board from the browser's console
if (settings && root) {
  try {
    globalThis.tinygen.settings = JSON.parse(settings.textContent);
    globalThis.tinygen.panel = new Panel(root, globalThis.tinygen.settings);
  } catch (error) {
    root.hidden = false;
    root.textContent = `The board did not start: ${error.message}.`;
  }
}
