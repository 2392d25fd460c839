// An ATmega328P that runs the firmware: avr8js, with marks, pins and the serial line taken out of it.

import { AVRClock, AVRIOPort, AVRTimer, AVRUSART, AVRWatchdog, CPU, avrInstruction, clockConfig, portBConfig, timer0Config, timer1Config, usart0Config,
  watchdogConfig, PinState } from 'avr8js';
import { readHex } from './hex.js';

const FLASH_WORDS = 0x4000, GPIOR0 = 0x3e, MARK_BEGIN = 1, MARK_END = 2, MCUSR = 0x54, POWER_ON = 1;

/** Words of flash with the program in them; erased flash is all ones. */
function flashWith(hex) {
  const flash = new Uint8Array(FLASH_WORDS * 2).fill(0xff);
  flash.set(readHex(hex));
  return new Uint16Array(flash.buffer);
}

export class Chip {
  /** hz: clock; onByte(value): what the chip sends. */
  constructor(hex, hz, onByte) {
    this.hz = hz;
    this.cpu = new CPU(flashWith(hex));
    this.cpu.data[MCUSR] = POWER_ON;
    const clock = new AVRClock(this.cpu, hz, clockConfig);
    this.parts = [clock, new AVRTimer(this.cpu, timer0Config), new AVRTimer(this.cpu, timer1Config), new AVRWatchdog(this.cpu, watchdogConfig, clock)];
    this.portB = new AVRIOPort(this.cpu, portBConfig);
    this.usart = new AVRUSART(this.cpu, usart0Config, hz);
    this.usart.onByteTransmit = onByte;
    this.queue = [];
    this.inferences = 0;
    this.lastCycles = null;
    this.begun = null;
    this.cpu.writeHooks[GPIOR0] = (value) => this.mark(value);
  }

  /** The marks around the model: cycles between them, without interrupts and without the marks themselves. */
  mark(value) {
    this.cpu.data[GPIOR0] = value;
    if (value === MARK_BEGIN) {
      this.begun = this.cpu.cycles + 1;           // OUT takes one cycle
      this.stolen = 0;
      this.ret = null;
    } else if (value === MARK_END && this.begun !== null) {
      this.lastCycles = this.cpu.cycles - this.begun - this.stolen - 1;      // the LDI of the mark's value
      this.inferences++;
      this.begun = null;
    }
    return true;
  }

  /** Bytes to the chip, one after the other at the line's own pace. */
  write(bytes) {
    this.queue.push(...bytes);
  }

  /** Runs until `done()` is true or the cycles are over; true if it was done. */
  run(cycles, done) {
    const cpu = this.cpu, end = cpu.cycles + cycles;
    while (cpu.cycles < end) {
      if (this.queue.length && !this.usart.rxBusy && this.usart.rxEnable) this.usart.writeByte(this.queue.shift());
      for (let k = 0; k < 64; k++) this.step(cpu);
      if (done()) return true;
    }
    return false;
  }

  /** One instruction, and the interrupt that may come before it. */
  step(cpu) {
    avrInstruction(cpu);
    if (this.ret && cpu.pc === this.ret.pc && cpu.SP === this.ret.sp) {
      this.stolen += cpu.cycles - this.ret.at;
      this.ret = null;
    }
    const before = { pc: cpu.pc, sp: cpu.SP, at: cpu.cycles };
    cpu.tick();
    if (this.begun !== null && !this.ret && cpu.pc !== before.pc) this.ret = before;
  }

  /** True if the pin, "PB5", is driven high. */
  pin(name) {
    if (name[1] !== 'B') throw new Error(`port ${name[1]} is not watched`);
    return this.portB.pinState(Number(name[2])) === PinState.High;
  }
}
