// Loads a program into a real board through its own bootloader, and reads it back.

import { chipOf, nameOf } from './avr_chips.js';
import { readHex } from './hex.js';
import { Stk500v1 } from './stk500v1.js';
import { Stk500v2 } from './stk500v2.js';
import { NoAnswer, Trouble } from './trouble.js';

const PROTOCOLS = { arduino: Stk500v1, wiring: Stk500v2 };       // in avrdude's words
const TRIES = 2;

/** Loads the program that fits the board at `line`. `programs`: [{mcu, program (Intel HEX), ways: [{protocol, baud, room}]}];
 *  `tell(step, done)`: what happens, and which part of it is done, 0 to 1. What was loaded: {chip, baud, bytes}. */
export async function load(line, programs, tell) {
  tell('looking for a bootloader', 0);
  const { loader, way } = await findBootloader(line, waysOf(programs));
  const chip = chipOf(await loader.signature());
  const entry = programs.find(({ mcu }) => mcu === chip.name?.toLowerCase());
  if (!entry) throw new Trouble(`this board has ${named(chip)}, the page has programs for ${listed(programs)}: nothing was written`);
  const program = readHex(entry.program), { room } = entry.ways.find((one) => sameWay(one, way));
  if (program.length > room)
    throw new Trouble(`the program has ${program.length} bytes, beside this bootloader there is room for ${room}: nothing was written`);
  const pages = pagesOf(program, chip.page);
  for (const [k, page] of pages.entries()) {
    tell(`writing ${program.length} bytes`, k / pages.length);
    await loader.writePage(k * chip.page, page);
  }
  for (const [k, page] of pages.entries()) {
    tell(`reading ${program.length} bytes back`, k / pages.length);
    compare(page, await loader.readPage(k * chip.page, chip.page), k * chip.page);
  }
  await loader.leave();
  return { chip: chip.name, baud: way.baud, bytes: program.length };
}

/** The first way by which a bootloader answers; each is tried TRIES times, from a reset on. */
async function findBootloader(line, ways) {
  for (const way of ways) {
    await line.open(way.baud);
    for (let left = TRIES; left; left--) {
      await line.reset();
      const loader = new PROTOCOLS[way.protocol](line);
      try {
        await loader.signOn();
        return { loader, way };
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
      }
    }
  }
  const bauds = [...new Set(ways.map((way) => way.baud))].join(' or ');
  throw new Trouble(`no bootloader of an Uno, Nano or Mega answers at ${bauds} baud: is it one of these, and the right port?`);
}

/** Every way once, the fastest first. */
function waysOf(programs) {
  const ways = programs.flatMap((entry) => entry.ways);
  return ways.filter((way, k) => ways.findIndex((one) => sameWay(one, way)) === k).sort((a, b) => b.baud - a.baud);
}

const sameWay = (a, b) => a.protocol === b.protocol && a.baud === b.baud;

/** Whole pages, the last one filled with erased flash. */
function pagesOf(program, size) {
  const pages = [];
  for (let at = 0; at < program.length; at += size) {
    const page = new Uint8Array(size).fill(0xff);
    page.set(program.slice(at, at + size));
    pages.push(page);
  }
  return pages;
}

function compare(written, read, address) {
  const k = written.findIndex((byte, at) => byte !== read[at]);
  if (k < 0) return;
  const hex = (value) => value.toString(16).padStart(2, '0');
  throw new Trouble(`the board's flash has ${hex(read[k])} at address ${address + k}, not ${hex(written[k])}: load it again, and if it stays so, its flash is worn out`);
}

const named = (chip) => (chip.name ? `an ${chip.name} (signature ${chip.signature})` : `a chip with signature ${chip.signature}`);

const listed = (programs) => programs.map(({ mcu }) => nameOf(mcu)).join(' and ');
