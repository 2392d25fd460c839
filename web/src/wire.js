// The wire format in the page, versions 1 and 2: docs/wire-format.md tells it, tests/vectors.py holds it to the same bytes as C and Python.

export const HELLO = 1, INFO = 2, ROW = 3, RESULT = 4, STATUS = 5, ERR = 6;
const HEAD = 4, PLAIN_SEED = 0xffff, RESIDUE = 0xf0b8, BODY_MAX = 254, FIRST_KEY = 0xa5;

/** Where the check sum starts in ROW and RESULT frames of a model. */
export const seedOf = (id) => (PLAIN_SEED ^ (id & 0xffff) ^ (id >>> 16)) & 0xffff;

/** CRC-16/X-25's register after the bytes, not yet inverted. */
export function crc(bytes, seed) {
  let value = seed;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x8408 : value >>> 1;
  }
  return value;
}

const seedFor = (vt, seed, version) => (vt >> 5 === version && ((vt & 31) === ROW || (vt & 31) === RESULT) ? seed : PLAIN_SEED);

/** The bytes of one frame. */
export function encode(kind, session, seq, payload, seed, version = 1) {
  const body = [version << 5 | kind, session, seq, payload.length, ...payload];
  const sum = crc(body, seedFor(body[0], seed, version)) ^ 0xffff;
  return [0, ...mask([...body, sum & 0xff, sum >> 8]), 0];
}

/** The body behind a key, a value that none of its bytes has, and each byte taken exclusive-or with it: no 0 is left. */
function mask(body) {
  let key = FIRST_KEY;
  while (body.includes(key)) key = key === 255 ? 1 : key + 1;
  return [key, ...body.map((byte) => byte ^ key)];
}

/** The frame in the bytes between two zeros: {kind, session, seq, payload}, or null where it is damaged. */
export function decode(bytes, seed, version = 1) {
  const [key, ...masked] = bytes, body = masked.map((byte) => byte ^ key);
  if (body.length < HEAD + 2 || body.length > BODY_MAX || crc(body, seedFor(body[0], seed, version)) !== RESIDUE) return null;
  if (body[0] >> 5 !== version || body[3] !== body.length - HEAD - 2) return null;
  return { kind: body[0] & 31, session: body[1], seq: body[2], payload: body.slice(HEAD, -2) };
}

/** Frames taken out of the bytes that a board sends. */
export class Frames {
  constructor(seed, version) {
    this.seed = seed;
    this.version = version;
    this.frames = [];
    this.piece = [];
  }

  hear(byte) {
    if (byte !== 0) {
      if (this.piece.length <= BODY_MAX) this.piece.push(byte);      // what is longer is no frame
      return;
    }
    const frame = this.piece.length ? decode(this.piece, this.seed, this.version) : null;
    this.piece = [];
    if (frame) this.frames.push(frame);
  }

  /** The next frame of a kind, or null; those in front of it are passed over. */
  find(kind, seq) {
    while (this.frames.length) {
      const frame = this.frames.shift();
      if (frame.kind === kind && (seq === undefined || frame.seq === seq)) return frame;
    }
    return null;
  }
}

/** int16 values as bytes. */
export const packRow = (row) => row.flatMap((value) => [value & 0xff, (value >> 8) & 0xff]);

/** What of an INFO's payload the page needs: the model's number, and whether its table in flash is damaged. */
export function readInfo(payload) {
  const view = new DataView(Uint8Array.from(payload).buffer);
  return { model: view.getUint32(6, true), corrupt: !!(payload[1] & 1) };
}

/** The meaning of a RESULT's payload; `more` are the numbers behind the first. */
export function readResult(payload) {
  const view = new DataView(Uint8Array.from(payload).buffer);
  const more = [];
  for (let at = 10; at < payload.length; at += 2) more.push(view.getInt16(at, true));
  return { clamped: !!(payload[0] & 1), missing: !!(payload[0] & 2), notSure: !!(payload[0] & 4), more, pins: payload[1], red: !!(payload[1] & 1), green: !!(payload[1] & 2),
    raw: view.getInt16(2, true), digest: view.getUint16(4, true), stopwatch: view.getUint32(6, true) };
}
