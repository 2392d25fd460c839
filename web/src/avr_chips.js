// Chips by their signature: the name in their data sheet, and the bytes of a page of flash (avr-libc's SIGNATURE_* and SPM_PAGESIZE).

const CHIPS = [
  ['1e 93 07', 'ATmega8', 64],
  ['1e 94 06', 'ATmega168', 128],
  ['1e 94 0b', 'ATmega168P', 128],
  ['1e 95 0f', 'ATmega328P', 128],
  ['1e 95 14', 'ATmega328', 128],
  ['1e 95 87', 'ATmega32U4', 128],
  ['1e 96 09', 'ATmega644', 256],
  ['1e 97 03', 'ATmega1280', 256],
  ['1e 97 05', 'ATmega1284P', 256],
  ['1e 98 01', 'ATmega2560', 256],
];

/** {signature, name, page} of a chip; without a name where it is none of these. */
export function chipOf(bytes) {
  const signature = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const [, name, page] = CHIPS.find(([one]) => one === signature) ?? [];
  return { signature, name, page };
}

/** The data sheet's name of a chip as compilers call it. */
export const nameOf = (mcu) => CHIPS.find(([, name]) => name.toLowerCase() === mcu)[1];
