// Intel HEX.

/** The bytes of a program from address 0 to its end; what the file leaves out is erased flash, all ones. */
export function readHex(text) {
  const pieces = [];
  let base = 0, end = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(':')) continue;
    const bytes = line.trim().slice(1).match(/../g).map((pair) => parseInt(pair, 16));
    if (bytes.reduce((sum, byte) => sum + byte, 0) & 0xff) throw new Error('the program is damaged');
    const [count, high, low, kind] = bytes, data = bytes.slice(4, 4 + count);
    if (kind === 0) {
      const at = base + (high << 8 | low);
      pieces.push([at, data]);
      end = Math.max(end, at + count);
    }
    if (kind === 2) base = (data[0] << 8 | data[1]) << 4;
    if (kind === 4) base = (data[0] << 8 | data[1]) << 16;
  }
  const program = new Uint8Array(end).fill(0xff);
  for (const [at, data] of pieces) program.set(data, at);
  return program;
}
