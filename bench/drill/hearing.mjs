/**
 * What the people in rooms heard of what was said there. A place is {members: [{heard: [seq], gaps: [{after, lastSeq}]}], said: Map of seq
 * to the member who said it}; `heard` is in the order of arrival.
 * @param unanswered how many messages nobody ever answered
 */
export function judgeHearing(places, unanswered) {
  let [twice, outOfOrder, gaps] = [0, 0, 0];
  for (const { heard, gaps: told } of places.flatMap(({ members }) => members)) {
    gaps += told.length;
    twice += heard.length - new Set(heard).size;
    outOfOrder += heard.filter((seq, n) => n > 0 && seq < heard[n - 1]).length;
  }
  const said = places.reduce((total, place) => total + place.said.size, 0);
  return { said, unanswered, missing: missing(places), twice, outOfOrder, gaps };
}

/** What each must have heard: all that was said there by others, but for what it was told that it missed. */
export function missing(places) {
  let count = 0;
  for (const { members, said } of places) {
    for (const member of members) {
      const due = [...said].filter(([, speaker]) => speaker !== member).map(([seq]) => seq);
      const heard = new Set(member.heard);
      const isTold = (seq) => member.gaps.some(({ after, lastSeq }) => seq > after && seq <= lastSeq);
      count += due.filter((seq) => !heard.has(seq) && !isTold(seq)).length;
    }
  }
  return count;
}
