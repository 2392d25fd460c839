// What can go wrong at a real board, said in one line that the page shows as it is.

export class Trouble extends Error {}

/** Nothing came in time, or nothing that makes sense. */
export class NoAnswer extends Trouble {}
