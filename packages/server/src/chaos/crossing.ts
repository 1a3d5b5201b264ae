/** What one node saw: ids of commands that came in there, and of each entry that it sent to a screen. */
export interface NodeTraffic {
  cameIn: Set<string>;
  sent: string[];
}

export interface Crossing {
  crossed: number;
  stayed: number;
  /** Nobody said where their command came in: requeued letters, and what a node could not tell before it was killed. */
  unknown: number;
}

/** Of the entries that screens were sent, whether their commands came in elsewhere; what came in at several nodes stayed if it can have. */
export function crossingOf(nodes: readonly NodeTraffic[]): Crossing {
  const crossing: Crossing = { crossed: 0, stayed: 0, unknown: 0 };
  for (const { cameIn, sent } of nodes) {
    for (const id of sent) {
      if (cameIn.has(id)) crossing.stayed += 1;
      else if (nodes.some((node) => node.cameIn.has(id))) crossing.crossed += 1;
      else crossing.unknown += 1;
    }
  }
  return crossing;
}
