import type { Tile } from '../../rooms/call-types.js';

/** Our own tile. */
export const OWN = 'own';
/** Beside a large tile: more below each other would be too small to see who it is. */
const PER_STRIP = 5;

/** What the reader enlarged; null: nothing. Undefined until they choose. */
export type Choice = string | null | undefined;

/** Which of the others shares a screen: of several the one who came last. Our own we see anyway. */
export function sharerOf(tiles: readonly Tile[]): string | undefined {
  return tiles.filter(({ says }) => says?.screen).at(-1)?.participantId;
}

/** The tile that is large, if one is: what the reader chose, else who shares a screen. */
export function largeOf(tiles: readonly Tile[], choice: Choice): string | undefined {
  const wanted = (choice === undefined ? sharerOf(tiles) : choice) ?? undefined;
  const isThere = tiles.some(({ participantId }) => participantId === wanted);
  return isThere || (wanted === OWN && tiles.length > 0) ? wanted : undefined;
}

/** Columns and rows for so many tiles, or for those beside a large one. */
export function arrange(count: number, hasLarge: boolean): { columns: number; rows: number } {
  const rest = hasLarge ? count - 1 : count;
  const columns = Math.ceil(hasLarge ? rest / PER_STRIP : Math.sqrt(rest));
  return { columns, rows: Math.ceil(rest / columns) };
}
