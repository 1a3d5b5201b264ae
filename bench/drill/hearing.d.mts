export interface Member {
  heard: number[];
  gaps: { after: number; lastSeq: number }[];
}
export interface Place {
  members: Member[];
  said: Map<number, Member>;
}
export function judgeHearing(
  places: Place[],
  unanswered: number,
): Record<'said' | 'unanswered' | 'missing' | 'twice' | 'outOfOrder' | 'gaps', number>;
